//! Very many suspended fibers at once: few mappings, little memory.
//!
//! One test in a process of its own, because it counts what the whole process
//! has.

use std::fs;

use threadline_fiber::{Fiber, GuardMethod, PoolConfig, StackPool, Step};

/// How many fibers; 100,000 and a million work as well, given the memory.
const COUNT_VARIABLE: &str = "THREADLINE_FIBER_COUNT";
const DEFAULT_COUNT: u64 = 20_000;

fn mappings() -> anyhow::Result<usize> {
    Ok(fs::read_to_string("/proc/self/maps")?.lines().count())
}

/// A size from `/proc/self/status`, in bytes.
fn status(field: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(1024
        * number
            .ok_or_else(|| anyhow::anyhow!("{field} is missing"))?
            .parse::<u64>()?)
}

#[test]
fn many_suspended_fibers_take_few_mappings_and_a_page_each() -> anyhow::Result<()> {
    if GuardMethod::detect() == GuardMethod::Protect {
        println!("skipped: this kernel has no MADV_GUARD_INSTALL (Linux 6.13), so stacks of");
        println!("the number tested here may need more mappings than a process may have");
        return Ok(());
    }
    let count = match std::env::var(COUNT_VARIABLE) {
        Ok(count) => count.parse()?,
        Err(_) => DEFAULT_COUNT,
    };
    let memory = || anyhow::Ok(status("VmRSS")? + status("VmPTE")?);
    let (mappings_before, memory_before) = (mappings()?, memory()?);

    let pool = StackPool::new(&PoolConfig::default())?;
    let mut fibers = Vec::new();
    for index in 0..count {
        let mut fiber: Fiber<u64, u64, u64> =
            Fiber::new(pool.acquire()?, move |suspender, input| {
                let again = suspender.suspend(index + input);
                index * again
            });
        assert_eq!(fiber.resume(1), Step::Suspended(index + 1));
        fibers.push(fiber);
    }

    let stats = pool.stats();
    let more_mappings = mappings()? - mappings_before;
    let each = (memory()? - memory_before) / count;
    println!("{count} fibers: {more_mappings} mappings more, {each} bytes each; {stats:?}");
    assert_eq!((stats.live as u64, stats.mappings_per_chunk), (count, 1));
    // The vector of fibers and the allocator may have a few of their own.
    assert!(
        more_mappings <= stats.chunks + 8,
        "{more_mappings} mappings more"
    );
    assert!(each <= 4608, "{each} bytes a fiber");

    for (index, fiber) in (0..).zip(&mut fibers) {
        assert_eq!(fiber.resume(2), Step::Finished(index * 2));
    }
    drop(fibers);
    assert_eq!(pool.stats().idle as u64, count);
    drop(pool);
    assert!(
        mappings()? <= mappings_before + 8,
        "the chunks are unmapped"
    );
    Ok(())
}
