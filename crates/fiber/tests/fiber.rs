//! What a fiber does: values in and out, panics, nesting, threads, its end.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use threadline_fiber::{Fiber, PoolConfig, Stack, StackPool, Step, Suspender};

fn pool() -> StackPool {
    StackPool::new(&PoolConfig::default()).expect("the default configuration is valid")
}

fn stack(pool: &StackPool) -> Stack {
    pool.acquire().expect("a test needs few stacks")
}

/// Counts how often it is dropped.
struct Dropped(Rc<Cell<u32>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// A fiber that holds a `Dropped` on its stack while it is suspended.
fn holding(pool: &StackPool, drops: &Rc<Cell<u32>>) -> Fiber<(), (), ()> {
    let value = Dropped(drops.clone());
    Fiber::new(stack(pool), move |suspender, ()| {
        let held = value;
        suspender.suspend(());
        drop(held);
    })
}

#[test]
fn values_travel_both_ways() {
    let mut fiber = Fiber::new(stack(&pool()), |suspender, first: u32| {
        let second = suspender.suspend(format!("got {first}"));
        let third = suspender.suspend(format!("got {second}"));
        [first, second, third]
    });
    assert!(!fiber.is_started());
    assert_eq!(fiber.resume(1), Step::Suspended("got 1".to_owned()));
    assert!(fiber.is_started() && !fiber.is_done());
    assert_eq!(fiber.resume(2), Step::Suspended("got 2".to_owned()));
    assert_eq!(fiber.resume(3), Step::Finished([1, 2, 3]));
    assert!(fiber.is_done());
}

#[test]
fn the_body_runs_within_the_stated_bounds() {
    let mut fiber = Fiber::new(stack(&pool()), |_: Suspender<'_, (), ()>, ()| {
        let local = 0_u8;
        std::ptr::from_ref(&local).addr()
    });
    let bounds = fiber.stack_bounds();
    let Step::Finished(addr) = fiber.resume(()) else {
        panic!("the body doesn't suspend")
    };
    assert!(bounds.contains(addr), "{addr:#x} is outside of {bounds:x?}");
    assert!(bounds.size() >= PoolConfig::default().stack_size - 960);
}

#[test]
fn a_panic_reaches_the_resumer_and_ends_the_fiber() {
    let pool = pool();
    let mut fiber: Fiber<(), (), ()> = Fiber::new(stack(&pool), |suspender, ()| {
        suspender.suspend(());
        resume_unwind(Box::new("payload"));
    });
    assert_eq!(fiber.resume(()), Step::Suspended(()));
    let payload = catch_unwind(AssertUnwindSafe(|| fiber.resume(()))).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"payload"));
    assert!(fiber.is_done());
    drop(fiber);
    assert_eq!(pool.stats().live, 0);
}

#[test]
fn a_panic_passes_through_nested_fibers() {
    let pool = pool();
    let inner_stack = stack(&pool);
    let mut outer: Fiber<(), (), ()> = Fiber::new(stack(&pool), move |_, ()| {
        let mut inner: Fiber<(), (), ()> =
            Fiber::new(inner_stack, |_, ()| resume_unwind(Box::new(7_u8)));
        inner.resume(());
    });
    let payload = catch_unwind(AssertUnwindSafe(|| outer.resume(()))).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&7_u8));
    drop(outer);
    assert_eq!(pool.stats().live, 0);
}

#[test]
#[should_panic(expected = "completed")]
fn resuming_a_done_fiber_panics() {
    let mut fiber: Fiber<(), (), ()> = Fiber::new(stack(&pool()), |_, ()| ());
    fiber.resume(());
    fiber.resume(());
}

#[test]
fn nested_fibers_suspend_to_their_own_resumer() {
    let pool = pool();
    let inner_stack = stack(&pool);
    let mut outer: Fiber<(), &str, &str> = Fiber::new(stack(&pool), move |outer, ()| {
        let mut inner = Fiber::new(inner_stack, |inner, ()| {
            inner.suspend(1);
            inner.suspend(2);
        });
        assert_eq!(inner.resume(()), Step::Suspended(1));
        outer.suspend("between");
        assert_eq!(inner.resume(()), Step::Suspended(2));
        assert_eq!(inner.resume(()), Step::Finished(()));
        "end"
    });
    assert_eq!(outer.resume(()), Step::Suspended("between"));
    assert_eq!(outer.resume(()), Step::Finished("end"));
}

#[test]
fn the_outer_fiber_can_be_suspended_from_the_inner_one() {
    let pool = pool();
    let inner_stack = stack(&pool);
    let mut outer: Fiber<u32, u32, u32> = Fiber::new(stack(&pool), move |outer, first| {
        let raw: NonNull<_> = outer.into_raw();
        let mut inner: Fiber<u32, (), u32> = Fiber::new(inner_stack, move |_, input| {
            // SAFETY: `raw` is the suspender, of these types, of the fiber that
            // is resuming this one.
            let outer = unsafe { Suspender::<u32, u32>::from_raw(raw) };
            input + outer.suspend(input * 2)
        });
        match inner.resume(first) {
            Step::Finished(sum) => sum,
            Step::Suspended(()) => panic!("the inner fiber doesn't suspend itself"),
        }
    });
    assert_eq!(outer.resume(10), Step::Suspended(20));
    assert_eq!(outer.resume(5), Step::Finished(15));
}

#[test]
fn fibers_hand_over_to_each_other_through_the_loop() {
    let pool = pool();
    let mut fibers: Vec<Fiber<(), usize, usize>> = (0..3)
        .map(|index| {
            Fiber::new(stack(&pool), move |suspender, ()| {
                suspender.suspend((index + 2) % 3);
                index
            })
        })
        .collect();
    let mut order = vec![0];
    while let Step::Suspended(next) = fibers[order[order.len() - 1]].resume(()) {
        order.push(next);
    }
    assert_eq!(order, [0, 2, 1, 0]);
}

#[test]
fn a_fiber_goes_on_in_the_place_of_another() {
    let pool = pool();
    let mut second: Fiber<u32, &str, u32> = Fiber::new(stack(&pool), |suspender, first| {
        let other = suspender.suspend("second is suspended");
        let last = suspender.suspend("second, for first");
        100 * first + 10 * other + last
    });
    assert_eq!(second.resume(1), Step::Suspended("second is suspended"));
    let third: Fiber<u32, &str, u32> = Fiber::new(stack(&pool), |_, input| input + 40);
    let (to_second, to_third) = (second.hop_target(), third.hop_target());
    let mut first: Fiber<u32, &str, u32> = Fiber::new(stack(&pool), move |suspender, _| {
        // SAFETY: both fibers live until the end of the test, on this thread, and `resume` is
        // called by the test, which expects it.
        let again = unsafe { suspender.hop(to_second, 2) };
        // SAFETY: as above.
        again + unsafe { suspender.hop(to_third, again) }
    });
    // It hops to the second, which is what yields.
    assert_eq!(first.resume(0), Step::Suspended("second, for first"));
    assert!(!first.is_done() && !second.is_done());
    assert_eq!(second.resume(3), Step::Finished(123));
    // It hops to the third, which is fresh, and ends.
    assert_eq!(first.resume(5), Step::Finished(45));
    assert!(third.is_done() && !first.is_done());
    assert_eq!(first.resume(6), Step::Finished(11));
}

#[test]
fn a_panic_after_a_hop_reaches_the_resumer() {
    let pool = pool();
    let second: Fiber<(), (), ()> =
        Fiber::new(stack(&pool), |_, ()| resume_unwind(Box::new("of second")));
    let target = second.hop_target();
    let drops = Rc::default();
    let value = Dropped(Rc::clone(&drops));
    let mut first: Fiber<(), (), ()> = Fiber::new(stack(&pool), move |suspender, ()| {
        let _held = value;
        // SAFETY: the fiber lives until the end of the test, on this thread.
        unsafe { suspender.hop(target, ()) };
    });
    let payload = catch_unwind(AssertUnwindSafe(|| first.resume(()))).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"of second"));
    assert!(second.is_done() && !first.is_done());
    drop((first, second));
    assert_eq!((drops.get(), pool.stats().live), (1, 0));
}

#[test]
fn a_fiber_moves_between_threads_while_suspended() {
    let fiber: Fiber<u32, thread::ThreadId, u32> =
        Fiber::new(stack(&pool()), |suspender, first| {
            let second = suspender.suspend(thread::current().id());
            let third = suspender.suspend(thread::current().id());
            first + second + third
        });
    // SAFETY: its stack holds numbers, its body captures nothing, and
    // `ThreadId` is a plain value.
    let mut fiber = unsafe { fiber.into_send() };
    assert_eq!(fiber.resume(1), Step::Suspended(thread::current().id()));
    let mut fiber = thread::spawn(move || {
        assert_eq!(fiber.resume(2), Step::Suspended(thread::current().id()));
        fiber
    })
    .join()
    .unwrap();
    assert_eq!(fiber.resume(3), Step::Finished(6));
    assert!(fiber.into_local().into_stack().is_ok());
}

#[test]
fn dropping_a_suspended_fiber_unwinds_it() {
    let (pool, drops) = (pool(), Rc::default());
    let mut fiber = holding(&pool, &drops);
    fiber.resume(());
    drop(fiber);
    assert_eq!((drops.get(), pool.stats().live), (1, 0));
}

#[test]
fn dropping_a_suspended_fiber_unwinds_it_while_panicking_too() {
    let (pool, drops) = (pool(), Rc::default());
    let mut fiber = holding(&pool, &drops);
    fiber.resume(());
    let payload = catch_unwind(AssertUnwindSafe(|| {
        let _dropped_by_the_panic = fiber;
        resume_unwind(Box::new("original"));
    }))
    .unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"original"));
    assert_eq!((drops.get(), pool.stats().live), (1, 0));
}

#[test]
fn dropping_a_fiber_never_resumed_drops_its_body() {
    let (pool, drops) = (pool(), Rc::default());
    drop(holding(&pool, &drops));
    assert_eq!((drops.get(), pool.stats().live), (1, 0));
}

#[test]
fn abandoning_runs_nothing_and_frees_the_stack() {
    let pool = pool();
    let ran_on = Arc::new(AtomicU32::new(0));
    for suspended in [false, true] {
        let ran_on = ran_on.clone();
        let mut fiber: Fiber<(), (), ()> = Fiber::new(stack(&pool), move |suspender, ()| {
            suspender.suspend(());
            ran_on.fetch_add(1, Ordering::Relaxed);
        });
        if suspended {
            fiber.resume(());
        }
        let bounds = fiber.stack_bounds();
        // SAFETY: the body's frame holds an `Arc`, which may be leaked, and
        // nobody has a pointer into it.
        let stack = unsafe { fiber.abandon() };
        assert_eq!(stack.bounds(), bounds);
    }
    assert_eq!(ran_on.load(Ordering::Relaxed), 0);
    assert_eq!(
        Arc::strong_count(&ran_on),
        3,
        "the bodies' captures are leaked"
    );
    assert_eq!((pool.stats().live, pool.stats().idle), (0, 1));
}

#[test]
fn only_a_done_fiber_gives_up_its_stack() {
    let pool = pool();
    let mut fiber: Fiber<(), (), ()> =
        Fiber::new(stack(&pool), |suspender, ()| suspender.suspend(()));
    fiber.resume(());
    let mut fiber = fiber.into_stack().unwrap_err();
    assert_eq!(fiber.resume(()), Step::Finished(()));
    let bounds = fiber.stack_bounds();
    assert_eq!(fiber.into_stack().unwrap().bounds(), bounds);
}

#[test]
fn captures_and_values_may_be_large_and_aligned() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(64))]
    struct Line([u64; 8]);
    let line = Line([3; 8]);
    let mut fiber: Fiber<[u64; 40], Line, [u64; 40]> =
        Fiber::new(stack(&pool()), move |suspender, input: [u64; 40]| {
            assert_eq!(std::ptr::from_ref(&line).addr() % 64, 0);
            let mut next = suspender.suspend(line);
            next[0] += input[0];
            next
        });
    assert_eq!(fiber.resume([1; 40]), Step::Suspended(line));
    let Step::Finished(sum) = fiber.resume([2; 40]) else {
        panic!("the body suspends once")
    };
    assert_eq!((sum[0], sum[39]), (3, 2));
}
