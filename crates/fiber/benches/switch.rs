//! What switching, starting and finishing a fiber costs, in nanoseconds.
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

use threadline_fiber::{Fiber, GuardMethod, PoolConfig, Stack, StackPool, Step};

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
    let rows: [fn() -> Row; 13] = [
        round_trip,
        relay_2,
        relay_50,
        relay_1000,
        relay_30000,
        acquire_release,
        new_run_finish,
        new_run_finish_reusing,
        create_1000_run_finish,
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

/// A fiber that returns its input plus one, forever.
fn counter(stack: Stack) -> Fiber<u64, u64, u64> {
    Fiber::new(stack, |suspender, mut input| {
        loop {
            input = suspender.suspend(input + 1);
        }
    })
}

fn resume(fiber: &mut Fiber<u64, u64, u64>, input: u64) -> u64 {
    match fiber.resume(input) {
        Step::Suspended(value) | Step::Finished(value) => value,
    }
}

fn round_trip() -> Row {
    let mut fiber = counter(stack(&pool()));
    let operations = 10_000_000;
    let round = move || {
        let mut value = 0;
        for _ in 0..operations {
            value = resume(&mut fiber, value);
        }
        assert_eq!(value, operations);
        value
    };
    Row {
        name: "resume + suspend",
        operations,
        round: Box::new(round),
    }
}

/// Fibers that each suspend with the number of the next: what a scheduler's
/// direct switch costs, per switch, with this many fibers taking turns.
fn relay(name: &'static str, fibers: usize, operations: u64) -> Row {
    let pool = pool();
    let mut fibers: Vec<Fiber<u64, usize, u64>> = (0..fibers)
        .map(|index| {
            let next = (index + 1) % fibers;
            Fiber::new(stack(&pool), move |suspender, mut count: u64| {
                let mut sum = 0;
                while count != u64::MAX {
                    sum += count;
                    count = suspender.suspend(next);
                }
                sum
            })
        })
        .collect();
    let mut current = 0;
    let round = move || {
        for count in 0..operations {
            match fibers[current].resume(count) {
                Step::Suspended(next) => current = next,
                Step::Finished(sum) => return sum,
            }
        }
        current as u64
    };
    Row {
        name,
        operations,
        round: Box::new(round),
    }
}

fn relay_2() -> Row {
    relay(
        "switch to another fiber through the loop, 2 taking turns",
        2,
        10_000_000,
    )
}

fn relay_50() -> Row {
    relay("the same, 50 taking turns", 50, 10_000_000)
}

fn relay_1000() -> Row {
    relay("the same, 1,000 taking turns", 1000, 10_000_000)
}

fn relay_30000() -> Row {
    relay("the same, 30,000 taking turns", 30_000, 3_000_000)
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

fn new_run_finish() -> Row {
    let pool = pool();
    let operations = 1_000_000;
    let round = move || {
        let mut value = 0;
        for _ in 0..operations {
            let mut fiber: Fiber<u64, u64, u64> = Fiber::new(stack(&pool), |_, input| input + 1);
            value = resume(&mut fiber, value);
        }
        assert_eq!(value, operations);
        value
    };
    Row {
        name: "new + run + finish, warm pool",
        operations,
        round: Box::new(round),
    }
}

fn new_run_finish_reusing() -> Row {
    let mut spare = Some(stack(&pool()));
    let operations = 1_000_000;
    let round = move || {
        let mut value = 0;
        for _ in 0..operations {
            let stack = spare.take().expect("put back each time");
            let mut fiber: Fiber<u64, u64, u64> = Fiber::new(stack, |_, input| input + 1);
            value = resume(&mut fiber, value);
            spare = fiber.into_stack().ok();
        }
        value
    };
    Row {
        name: "new + run + finish, stack handed on",
        operations,
        round: Box::new(round),
    }
}

/// Creates `count` fibers, resumes each twice, drops them.
fn batch(pool: &StackPool, count: u64) -> u64 {
    let mut fibers: Vec<Fiber<u64, u64, u64>> = (0..count)
        .map(|_| Fiber::new(stack(pool), |suspender, input| suspender.suspend(input) + 1))
        .collect();
    for fiber in &mut fibers {
        resume(fiber, 1);
    }
    fibers.iter_mut().map(|fiber| resume(fiber, 2)).sum()
}

fn create_1000_run_finish() -> Row {
    let pool = pool();
    let name = "1,000 alive: new + suspend + finish, warm pool, each";
    Row {
        name,
        operations: 1000,
        round: Box::new(move || batch(&pool, 1000)),
    }
}

fn warm_30000() -> Row {
    let pool = pool();
    let name = "30,000 alive: new + suspend + finish, warm pool, each";
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
