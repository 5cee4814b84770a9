//! Very many stacks at once: few mappings, little memory.
//!
//! One test in a process of its own, because it counts what the whole process
//! has.

use std::fs;

use threadline_fiber::{GuardMethod, PoolConfig, StackPool};

/// How many stacks; 100,000 and a million work as well, given the memory.
const COUNT_VARIABLE: &str = "THREADLINE_STACK_COUNT";
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
fn many_stacks_take_few_mappings_and_a_page_each() -> anyhow::Result<()> {
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
    let mut stacks = Vec::new();
    for index in 0..count {
        let stack = pool.acquire()?;
        let top = stack.bounds().top.get() - size_of::<u64>();
        // SAFETY: the stack is this test's alone; its top is aligned.
        unsafe { std::ptr::with_exposed_provenance_mut::<u64>(top).write_volatile(index) };
        stacks.push(stack);
    }

    let stats = pool.stats();
    let more_mappings = mappings()? - mappings_before;
    let each = (memory()? - memory_before) / count;
    println!("{count} stacks: {more_mappings} mappings more, {each} bytes each; {stats:?}");
    assert_eq!((stats.live as u64, stats.mappings_per_chunk), (count, 1));
    // The vector of stacks and the allocator may have a few of their own.
    assert!(
        more_mappings <= stats.chunks + 8,
        "{more_mappings} mappings more"
    );
    assert!(each <= 4608, "{each} bytes a stack");

    for (index, stack) in (0..).zip(&stacks) {
        let top = stack.bounds().top.get() - size_of::<u64>();
        // SAFETY: written above.
        let found = unsafe { std::ptr::with_exposed_provenance::<u64>(top).read_volatile() };
        assert_eq!(found, index);
    }
    drop(stacks);
    assert_eq!(pool.stats().idle as u64, count);
    drop(pool);
    assert!(
        mappings()? <= mappings_before + 8,
        "the chunks are unmapped"
    );
    Ok(())
}
