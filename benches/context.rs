//! What a context slot costs, ours alone: slot against own global against imported global, under
//! every lowering. `cargo bench --bench context`; a word on the command line picks rows by name.

#![expect(clippy::print_stdout, reason = "its tables are for people to read")]

mod guests;
mod measure;
mod programs;

use anyhow::{Context as _, Result};
use measure::{Subject, Timing};
use programs::{Home, PROGRAMS};
use std::path::Path;
use threadline::component::{Component, Linker, TypedFunc};
use threadline::{Config, ContextLowering, Engine, Store};

/// Rounds of each measurement; the table shows their median.
const ROUNDS: usize = 41;

/// Where the C programs are.
const GUESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests");

/// A component that is ready to run.
struct Runner {
    store: Store<()>,
    run: TypedFunc<(u32,), (u32,)>,
}

impl Runner {
    fn new(lowering: ContextLowering, component: &[u8]) -> Result<Runner> {
        let mut config = Config::new();
        config.context_lowering(lowering);
        let engine = Engine::new(&config)?;
        let component = Component::new(&engine, component)?;
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
        let run = instance.get_typed_func(&mut store, "run")?;
        Ok(Runner { store, run })
    }

    fn call(&mut self, n: u32) -> u64 {
        match self.run.call(&mut self.store, (n,)) {
            Ok((value,)) => value.into(),
            Err(error) => panic!("the program failed: {error:?}"),
        }
    }
}

/// A program with all its variants, each as component bytes under a name.
struct Row {
    name: String,
    n: u32,
    operations: u64,
    variants: Vec<(String, ContextLowering, Vec<u8>)>,
}

fn rows() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for program in PROGRAMS {
        let mut variants = Vec::new();
        for home in [Home::OwnGlobal, Home::ImportedGlobal] {
            let bytes = wat::parse_str(program.component(home))?;
            variants.push((home.to_string(), ContextLowering::Inline, bytes));
        }
        let slot = wat::parse_str(program.component(Home::Slot))?;
        for lowering in ContextLowering::ALL {
            variants.push((lowering.to_string(), lowering, slot.clone()));
        }
        rows.push(Row {
            name: format!("{} {}", program.row, program.name),
            n: program.n,
            operations: program.operations,
            variants,
        });
    }
    for guest in guests::all(Path::new(GUESTS))? {
        let mut variants = vec![(
            Home::OwnGlobal.to_string(),
            ContextLowering::Inline,
            guest.global,
        )];
        for lowering in ContextLowering::ALL {
            variants.push((lowering.to_string(), lowering, guest.slot.clone()));
        }
        rows.push(Row {
            name: format!("K4 C: {}", guest.name),
            n: guest.n,
            operations: guest.n.into(),
            variants,
        });
    }
    Ok(rows)
}

fn measure_row(row: &Row) -> Result<Vec<Timing>> {
    let mut runners = row
        .variants
        .iter()
        .map(|(name, lowering, bytes)| {
            let runner = Runner::new(*lowering, bytes);
            Ok((
                name,
                runner.with_context(|| format!("{}: {name}", row.name))?,
            ))
        })
        .collect::<Result<Vec<_>>>()?;
    let n = row.n;
    let mut subjects: Vec<Subject<'_>> = runners
        .iter_mut()
        .map(|(name, runner)| Subject::new(name.as_str(), move || runner.call(n)))
        .collect();
    Ok(measure::alternate(&mut subjects, ROUNDS, row.operations))
}

fn main() -> Result<()> {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let columns = [
        "own global",
        "imported global",
        "libcall",
        "out-of-line",
        "inline",
        "pinned",
    ];
    let mut table = Vec::new();
    for row in rows()? {
        if filter
            .as_ref()
            .is_some_and(|word| !row.name.contains(word.as_str()))
        {
            continue;
        }
        let timings = measure_row(&row)?;
        let mut cells = vec![row.name.clone()];
        for column in columns {
            cells.push(match timings.iter().find(|timing| timing.name == column) {
                Some(timing) => format!("{:.2} ({:.3})", timing.median, timing.ratio),
                None => "-".to_owned(),
            });
        }
        let best = timings
            .iter()
            .map(|timing| format!("{} {:.2}", timing.name, timing.best));
        println!(
            "{}: best: {}",
            row.name,
            best.collect::<Vec<_>>().join(", ")
        );
        table.push(cells);
    }
    let header: Vec<&str> = std::iter::once("ns/op (ratio to own global)")
        .chain(columns)
        .collect();
    println!(
        "\nMedians of {ROUNDS} alternating rounds, and of their ratios:\n\n{}",
        measure::table(&header, &table)
    );
    Ok(())
}
