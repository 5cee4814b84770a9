//! Compiles mutants and watches what it costs.

use super::{HEAP, Plan};
use anyhow::{Result, bail, ensure};
use std::time::{Duration, Instant};
use threadline::component::Component;
use threadline::{Config, Engine, Module, OptLevel};
use threadline_fuzz::damage::{Random, mutant};
use threadline_fuzz::seeds::{self, files, root};
use threadline_fuzz::watch::Watch;
use threadline_retarget::{Options, Wit};
use threadline_wast::WastRunner;

/// How long one input may take, in a build without optimisation on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long all may take.
const ALL: Duration = Duration::from_secs(15);
/// Bytes of heap that any input may take, whatever its size.
const HEAP_BASE: usize = 64 << 20;
/// Further bytes of heap for each byte of the input.
const HEAP_FACTOR: usize = 200;

/// An engine that compiles as quickly as can be.
pub(crate) fn engine() -> Result<Engine> {
    Engine::new(Config::new().cranelift_opt_level(OptLevel::None))
}

/// Whether it is a component or a module, as its header says.
pub(crate) fn is_component(bytes: &[u8]) -> bool {
    bytes.get(6..8) == Some(&[1, 0])
}

/// Compiles every mutant.
pub(crate) fn all(plan: &Plan) -> Result<()> {
    let engine = engine()?;
    let seeds = seeds::all();
    let total = seeds.len() * plan.mutants;
    let watch = Watch::start(PATIENCE);
    let begin = Instant::now();
    let (mut done, mut accepted) = (0, 0);
    for number in 0..total {
        if plan.limited && begin.elapsed() > ALL {
            break;
        }
        let (seed, bytes) = mutant(&seeds, number);
        let what = format!("mutant {number}, of {}", seed.name);
        let ok = check(&watch, &what, bytes.len(), || {
            if is_component(&bytes) {
                Component::new(&engine, &bytes).map(drop)
            } else {
                Module::new(&engine, &bytes).map(drop)
            }
        })?;
        done += 1;
        accepted += usize::from(ok);
    }
    println!(
        "{done} of {total} mutants of {} seeds, {accepted} compile",
        seeds.len()
    );
    ensure!(
        done > 1000,
        "only {done} mutants were tried: the machine is too slow"
    );
    // If all were refused, little but the parser would have been tested.
    ensure!(accepted > done / 50, "only {accepted} of {done} compile");
    Ok(())
}

/// Everything that is read as text: modules, scripts and WIT.
pub(crate) fn texts(plan: &Plan) -> Result<()> {
    let engine = engine()?;
    let watch = Watch::start(PATIENCE);
    let begin = Instant::now();
    let paths = files(&["tests"]);
    let texts: Vec<_> = paths
        .iter()
        .filter(|path| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("wat" | "wast" | "wit"))
        })
        .map(|path| Ok((path, std::fs::read_to_string(path)?)))
        .collect::<Result<_>>()?;
    let module = std::fs::read(root().join("tests/guests/stringy.wasm"))?;
    let mut done = 0;
    for number in 0..texts.len() * plan.mutants {
        if plan.limited && begin.elapsed() > ALL {
            break;
        }
        let (path, text) = &texts[number % texts.len()];
        let damaged = damage(text, &mut Random::of(number));
        let what = format!("mutant {number}, of {}", path.display());
        check(&watch, &what, damaged.len(), || {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("wat") => Module::new(&engine, &damaged).map(drop),
                Some("wast") => {
                    // Scripts call what they define: the ends of loops are not to be damaged.
                    if damaged.contains("loop") {
                        return Ok(());
                    }
                    let report = WastRunner::new(&engine).run_str("damaged.wast", &damaged);
                    match report.failures.first() {
                        Some(failure) => bail!("{failure}"),
                        None => Ok(()),
                    }
                }
                _ => {
                    let wit = Wit::Text {
                        text: &damaged,
                        world: Some("stringy"),
                    };
                    let made = threadline_retarget::retarget(&module, &Options::default(), &wit);
                    Ok(made.map(drop)?)
                }
            }
        })?;
        done += 1;
    }
    println!("{done} damaged texts");
    Ok(())
}

/// Damages a text: leaves a piece out, repeats one, or puts in something that means something.
fn damage(text: &str, random: &mut Random) -> String {
    const TOKENS: [&str; 16] = [
        "(",
        ")",
        "\"",
        "(;",
        ";;",
        "$",
        "-1",
        "4294967296",
        "99999999999999999999",
        "i32",
        "func",
        "(module",
        "(component",
        "\u{0}",
        "ø",
        "(export \"\" (func 0))",
    ];
    let mut place = || {
        let mut at = random.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (a, b, to) = (place(), place(), place());
    let (from, end) = (a.min(b), a.max(b));
    match random.below(4) {
        0 => text[..from].to_owned(),
        // A short piece is taken out.
        1 => {
            let mut end = end.min(from + 40);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            format!("{}{}", &text[..from], &text[end.max(from)..])
        }
        2 => format!("{}{}{}", &text[..to], &text[from..end], &text[to..]),
        _ => format!(
            "{}{}{}",
            &text[..to],
            TOKENS[random.below(TOKENS.len())],
            &text[to..]
        ),
    }
}

/// Tries an input, and watches the heap; whether it was accepted.
fn check(
    watch: &Watch,
    what: &str,
    length: usize,
    run: impl FnOnce() -> Result<()>,
) -> Result<bool> {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let result = watch.run(what, run);
    let peak = HEAP.peak_usage().saturating_sub(before);
    let Some(result) = result else {
        bail!("{what} panics");
    };
    let allowed = HEAP_BASE + HEAP_FACTOR * length;
    ensure!(
        peak <= allowed,
        "{what} ({length} bytes) takes {peak} bytes of heap, more than {allowed}"
    );
    match result {
        Ok(()) => Ok(true),
        Err(error) => {
            let message = format!("{error:#}");
            ensure!(
                !message.trim().is_empty(),
                "{what} is refused without a word"
            );
            Ok(false)
        }
    }
}
