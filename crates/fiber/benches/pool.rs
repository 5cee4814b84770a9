//! What a stack costs, in nanoseconds.
//!
//! `cargo bench -p threadline-fiber`; a word on the command line selects the
//! rows that contain it. Each figure is the best and the median of `ROUNDS`
//! rounds.
#![expect(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

use std::hint::black_box;
use std::time::Instant;

use threadline_fiber::{GuardMethod, PoolConfig, Stack, StackPool};

const ROUNDS: usize = 9;

/// One row: its name, operations a round, and a function that does one round and
/// returns a value that depends on all of them.
struct Row {
    name: &'static str,
    operations: u64,
    round: Box<dyn FnMut() -> u64>,
}

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let rows: [fn() -> Row; 6] = [
        acquire_release,
        warm_1000,
        warm_30000,
        cold_kept,
        cold_lightweight,
        cold_protect,
    ];
    println!("{:<66} {:>9} {:>9}", "ns per operation", "best", "median");
    for row in rows {
        let mut row = row();
        if filter
            .as_ref()
            .is_some_and(|word| !row.name.contains(word.as_str()))
        {
            continue;
        }
        let mut times: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                black_box((row.round)());
                start.elapsed().as_nanos() as f64 / row.operations as f64
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!(
            "{:<66} {:>9.2} {:>9.2}",
            row.name,
            times[0],
            times[ROUNDS / 2]
        );
    }
}

fn pool() -> StackPool {
    StackPool::new(&PoolConfig::default()).expect("the default configuration is valid")
}

fn stack(pool: &StackPool) -> Stack {
    pool.acquire()
        .expect("there is memory for the stacks of a benchmark")
}

fn acquire_release() -> Row {
    let pool = pool();
    let operations = 1_000_000;
    let round = move || {
        let mut sum = 0;
        for _ in 0..operations {
            sum += black_box(stack(&pool)).bounds().limit.get() as u64 & 1;
        }
        sum
    };
    Row {
        name: "acquire + release a warm stack",
        operations,
        round: Box::new(round),
    }
}

/// Takes `count` stacks, writes to the top of each, and gives them back.
fn batch(pool: &StackPool, count: u64) -> u64 {
    let stacks: Vec<Stack> = (0..count)
        .map(|index| {
            let stack = stack(pool);
            let top = stack.bounds().top.get() - size_of::<u64>();
            // SAFETY: the stack is this function's alone; its top is aligned.
            unsafe { std::ptr::with_exposed_provenance_mut::<u64>(top).write_volatile(index) };
            stack
        })
        .collect();
    stacks.len() as u64
}

fn warm_1000() -> Row {
    let pool = pool();
    let name = "1,000 alive: take + touch + give back, warm pool, each";
    Row {
        name,
        operations: 1000,
        round: Box::new(move || batch(&pool, 1000)),
    }
}

fn warm_30000() -> Row {
    let pool = pool();
    let name = "30,000 alive: take + touch + give back, warm pool, each";
    batch(&pool, 30_000);
    Row {
        name,
        operations: 30_000,
        round: Box::new(move || batch(&pool, 30_000)),
    }
}

/// A new pool each round: mapping, guards, first touches, and unmapping unless
/// the pools are kept until the end.
fn cold(name: &'static str, guard: GuardMethod, count: u64, pools: Pools) -> Row {
    let config = PoolConfig {
        guard: Some(guard),
        ..PoolConfig::default()
    };
    let mut kept = Vec::new();
    let round = move || {
        let pool = StackPool::new(&config).expect("only the guard method is not the default");
        let sum = batch(&pool, count);
        if pools == Pools::Kept {
            kept.push(pool);
        }
        sum
    };
    Row {
        name,
        operations: count,
        round: Box::new(round),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pools {
    Kept,
    Unmapped,
}

fn cold_kept() -> Row {
    let name = "10,000 alive: the same, cold pool, best guards, each";
    cold(name, GuardMethod::detect(), 10_000, Pools::Kept)
}

fn cold_lightweight() -> Row {
    let name = "10,000 alive: the same and unmap, cold pool, best guards, each";
    cold(name, GuardMethod::detect(), 10_000, Pools::Unmapped)
}

fn cold_protect() -> Row {
    let name = "10,000 alive: the same and unmap, cold pool, mprotect guards, each";
    cold(name, GuardMethod::Protect, 10_000, Pools::Unmapped)
}
