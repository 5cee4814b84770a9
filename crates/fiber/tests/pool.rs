//! What a pool promises: order of reuse, limits, recycling, classification.

use std::sync::mpsc;
use std::thread;

use threadline_fiber::{GuardMethod, PoolConfig, PoolError, Stack, StackPool};

/// A small pool with the given change to its configuration.
fn pool(change: impl FnOnce(&mut PoolConfig)) -> StackPool {
    let mut config = PoolConfig {
        stack_size: 256 * 1024,
        max_stacks: 64,
        stacks_per_chunk: 8,
        ..PoolConfig::default()
    };
    change(&mut config);
    StackPool::new(&config).expect("the configuration is valid")
}

fn take(pool: &StackPool, count: usize) -> Vec<Stack> {
    (0..count)
        .map(|_| pool.acquire().expect("below the maximum"))
        .collect()
}

/// Writes to every page of the topmost `depth` KiB of a stack, and to one at least.
fn dirty(stack: Stack, depth: usize) -> Stack {
    let bounds = stack.bounds();
    let lowest = bounds.top.get() - (depth << 10).max(64);
    assert!(bounds.contains(lowest));
    for address in (lowest..bounds.top.get()).step_by(64) {
        // SAFETY: on the stack, which is this function's alone.
        unsafe { std::ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(1) };
    }
    stack
}

/// How many pages of the stack are in memory.
fn resident_pages(stack: &Stack) -> usize {
    let page = rustix::param::page_size();
    let bounds = stack.bounds();
    let len = bounds.top.get().next_multiple_of(page) - bounds.limit.get();
    let mut pages = vec![0_u8; len / page];
    let start = std::ptr::with_exposed_provenance_mut(bounds.limit.get());
    // SAFETY: `mincore` reads no memory in the range and writes a byte a page,
    // for which there is room.
    let result = unsafe { libc::mincore(start, len, pages.as_mut_ptr()) };
    assert_eq!(result, 0);
    pages.iter().filter(|page| **page & 1 != 0).count()
}

#[test]
fn the_stack_returned_last_is_lent_first() {
    let pool = pool(|_| ());
    let stacks = take(&pool, 3);
    let tops: Vec<_> = stacks.iter().map(|stack| stack.bounds().top).collect();
    stacks.into_iter().for_each(drop);
    let again: Vec<_> = take(&pool, 3)
        .iter()
        .map(|stack| stack.bounds().top)
        .collect();
    assert_eq!(again, [tops[2], tops[1], tops[0]]);
}

#[test]
fn an_exhausted_pool_says_so_and_recovers() {
    let pool = pool(|config| config.max_stacks = 11);
    let mut stacks = take(&pool, 11);
    let error = pool.acquire().unwrap_err();
    assert!(matches!(error, PoolError::Exhausted { max_stacks: 11 }));
    assert_eq!(
        error.to_string(),
        "all 11 stacks of the pool are in use (its configured maximum)"
    );
    stacks.pop();
    assert!(pool.acquire().is_ok());
}

#[test]
fn impossible_configurations_are_refused() {
    let refused = |change: fn(&mut PoolConfig)| {
        let mut config = PoolConfig::default();
        change(&mut config);
        StackPool::new(&config).unwrap_err()
    };
    let sizes: [fn(&mut PoolConfig); 4] = [
        |config| config.stack_size = 0,
        |config| config.stack_size = 8 * 1024,
        |config| config.stack_size = 64 * 1024 + 1,
        |config| config.stack_size = usize::MAX & !0xffff,
    ];
    for change in sizes {
        assert!(matches!(refused(change), PoolError::BadStackSize { .. }));
    }
    let counts: [fn(&mut PoolConfig); 3] = [
        |config| config.max_stacks = 0,
        |config| config.max_stacks = usize::MAX,
        |config| config.stacks_per_chunk = 0,
    ];
    for change in counts {
        assert!(matches!(refused(change), PoolError::BadCount { .. }));
    }
    let error = refused(|config| config.stack_size = 5000).to_string();
    assert!(
        error.starts_with("a stack of 5000 bytes is not possible"),
        "{error}"
    );
}

#[test]
fn a_chunk_the_system_refuses_is_an_error() {
    // 2^47 bytes are all that a process has.
    let pool = pool(|config| config.stack_size = 1 << 47);
    assert!(matches!(pool.acquire(), Err(PoolError::Reserve { .. })));
    assert_eq!(pool.stats().live, 0);
}

#[test]
fn stacks_and_guards_do_not_overlap() {
    for guard in [GuardMethod::detect(), GuardMethod::Protect] {
        let pool = pool(|config| config.guard = Some(guard));
        let mut stacks = take(&pool, 20);
        stacks.sort_by_key(|stack| stack.bounds().limit);
        for pair in stacks.windows(2) {
            assert!(pair[0].bounds().top < pair[1].bounds().limit);
        }
        let page = rustix::param::page_size();
        for stack in &stacks {
            let bounds = stack.bounds();
            let limit = bounds.limit.get();
            assert!(bounds.size() >= 255 * 1024);
            assert!(!pool.is_guard(limit) && !pool.is_guard(bounds.top.get() - 1));
            assert!(pool.is_guard(limit - 1) && pool.is_guard(limit - page));
        }
        assert!(!pool.is_guard(0) && !pool.is_guard(usize::MAX));
        let local = 0_u8;
        assert!(!pool.is_guard(std::ptr::from_ref(&local).addr()));
    }
}

/// Whether the kernel can write a few hundred bytes at `addr`, without the
/// signal that our own attempt would be answered with.
fn is_writable(addr: usize) -> bool {
    // SAFETY: `uname` is a system call that reports EFAULT for memory that can't
    // be written. Callers pass addresses in idle memory of a pool, where a
    // `utsname` overwrites nothing that matters.
    let result = unsafe { libc::uname(std::ptr::with_exposed_provenance_mut(addr)) };
    result == 0
}

#[test]
fn every_guard_is_in_force_also_those_made_in_batches() {
    let page = rustix::param::page_size();
    for guard in [GuardMethod::detect(), GuardMethod::Protect] {
        let pool = pool(|config| {
            config.guard = Some(guard);
            config.max_stacks = 500;
            config.stacks_per_chunk = 150;
        });
        for stack in take(&pool, 500) {
            let limit = stack.bounds().limit.get();
            assert!(
                is_writable(limit) && !is_writable(limit - page),
                "{guard:?} {stack:?}"
            );
        }
    }
}

#[test]
fn statistics_count_what_is_where() {
    let pool = pool(|config| config.hot_stacks = 2);
    assert_eq!(
        (pool.stats().live, pool.stats().idle, pool.stats().chunks),
        (0, 0, 0)
    );
    let mut stacks = take(&pool, 9);
    assert_eq!((pool.stats().live, pool.stats().chunks), (9, 2));
    stacks.truncate(4);
    let stats = pool.stats();
    assert_eq!((stats.live, stats.idle, stats.cold), (4, 5, 3));
    pool.trim(0);
    assert_eq!(pool.stats().cold, 5);
}

#[test]
fn hot_stacks_keep_their_pages_and_cold_ones_do_not() {
    let pool = pool(|config| config.hot_stacks = 1);
    let page = rustix::param::page_size();
    let (first, second) = (pool.acquire().unwrap(), pool.acquire().unwrap());
    let (first, second) = (dirty(first, 32), dirty(second, 32));
    let (cold, hot) = (first.bounds(), second.bounds());
    assert!(resident_pages(&first) * page >= 32 * 1024);
    drop(first);
    drop(second);
    // Hot ones first, then the one that was trimmed because one is enough.
    let (hot_again, cold_again) = (pool.acquire().unwrap(), pool.acquire().unwrap());
    assert_eq!((hot_again.bounds(), cold_again.bounds()), (hot, cold));
    assert!(resident_pages(&hot_again) * page >= 32 * 1024);
    assert_eq!(resident_pages(&cold_again), 0);
    // A trimmed stack is as good as new, guard included.
    assert!(pool.is_guard(cold.limit.get() - 1));
    dirty(cold_again, 40);
}

#[test]
fn trimming_keeps_what_it_is_told_to() {
    let pool = pool(|_| ());
    let page = rustix::param::page_size();
    let stack = dirty(pool.acquire().unwrap(), 32);
    drop(stack);
    pool.trim(page + 1);
    assert_eq!(resident_pages(&pool.acquire().unwrap()), 2);
}

#[test]
fn a_stack_outlives_the_last_handle_of_its_pool() {
    let stack = pool(|_| ()).acquire().unwrap();
    dirty(stack, 32);
}

#[test]
fn stacks_travel_between_threads() {
    let pool = pool(|config| config.hot_stacks = 3);
    let (sender, receiver) = mpsc::channel::<Stack>();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (pool, sender) = (pool.clone(), sender.clone());
            scope.spawn(move || {
                for round in 0..500 {
                    let stack = loop {
                        match pool.acquire() {
                            Ok(stack) => break stack,
                            Err(PoolError::Exhausted { .. }) => thread::yield_now(),
                            Err(error) => panic!("{error}"),
                        }
                    };
                    sender.send(dirty(stack, round % 8)).unwrap();
                }
            });
        }
        drop(sender);
        let returned = receiver.into_iter().map(|stack| dirty(stack, 1));
        assert_eq!(returned.fold(0, |count, _| count + 1), 2000);
    });
    let stats = pool.stats();
    assert_eq!(stats.live, 0);
    assert!(
        stats.idle <= 64 && stats.idle - stats.cold <= 3,
        "{stats:?}"
    );
}
