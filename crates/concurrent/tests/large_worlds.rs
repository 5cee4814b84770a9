//! What is told and done about very many threads and waitables: reports are bounded, and locks are taken
//! in one search.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod world;

use std::time::{Duration, Instant};

use threadline_concurrent::{Counts, InstanceId, ReportLimits, Status, ThreadId};
use world::{Lift, World, call, stream};

const LIMITS: ReportLimits = ReportLimits {
    threads: 10,
    waitables_of_a_thread: 4,
    waitables: 20,
};

/// So many threads of an instance wait for one set with so many streams' ends in it.
fn waiters(world: &mut World, threads: usize, members: usize) -> (InstanceId, Vec<ThreadId>) {
    let instance = world.new_instance();
    let set = world.set_new(instance).unwrap();
    for _ in 0..members {
        let (readable, _) = stream(world, Some(instance));
        world.join(readable, Some(set)).unwrap();
    }
    let threads = (0..threads).map(|_| {
        let (_, thread) = call(world, instance, Lift::Stackful, None);
        let _ = world.set_wait(set).unwrap();
        world.end_resume().unwrap();
        thread
    });
    let threads = threads.collect();
    (instance, threads)
}

#[test]
fn a_report_tells_of_so_many_threads_and_counts_the_rest() {
    for (threads, told) in [(9, 9), (10, 10), (11, 10), (400, 10)] {
        let mut world = World::new();
        waiters(&mut world, threads, 1);
        let report = world.waiting(LIMITS);
        assert_eq!(report.threads.len(), told);
        assert_eq!(report.more_threads, threads - told);
    }
}

#[test]
fn a_report_tells_of_so_many_waitables_in_all_and_counts_the_rest() {
    let mut world = World::new();
    waiters(&mut world, 10, 300);
    let report = world.waiting(LIMITS);
    let told: Vec<usize> = report.threads.iter().map(|it| it.waitables.len()).collect();
    assert_eq!(told, [4, 4, 4, 4, 4, 0, 0, 0, 0, 0]);
    for thread in &report.threads {
        assert_eq!(thread.waitables.len() + thread.more_waitables, 300);
    }
}

#[test]
fn a_set_of_its_own_is_told_of_each_thread() {
    let mut world = World::new();
    let sizes = [0, 1, 3, 4, 5, 40];
    for members in sizes {
        waiters(&mut world, 1, members);
    }
    let report = world.waiting(LIMITS);
    let told = report.threads.iter();
    let told: Vec<_> = told
        .map(|it| (it.waitables.len(), it.more_waitables))
        .collect();
    assert_eq!(told, [(0, 0), (1, 0), (3, 0), (4, 0), (4, 1), (4, 36)]);
}

#[test]
fn a_thread_that_is_suspended_waits_for_nothing() {
    let mut world = World::new();
    let instance = world.new_instance();
    call(&mut world, instance, Lift::Stackful, None);
    let _ = world.thread_suspend().unwrap();
    world.end_resume().unwrap();
    let report = world.waiting(LIMITS);
    assert_eq!(report.threads[0].reason, None);
    assert_eq!(report.threads[0].more_waitables, 0);
}

#[test]
fn instances_are_locked_and_freed_together_and_others_are_left() {
    let mut world = World::new();
    let (first, firsts) = waiters(&mut world, 3, 5);
    let (second, seconds) = waiters(&mut world, 2, 7);
    let (other, others) = waiters(&mut world, 4, 1);
    world.lock_all([first, second, first]).unwrap();
    assert!(world.is_locked(first) && world.is_locked(second) && !world.is_locked(other));
    for id in firsts.iter().chain(&seconds) {
        assert_eq!(world.status(*id), Some(Status::Locked));
    }
    assert!(
        others
            .iter()
            .all(|&id| matches!(world.status(id), Some(Status::Waiting(_))))
    );
    world.release_all([second, first], &mut |_| {}).unwrap();
    assert_eq!(
        world.counts(),
        Counts {
            instances: 3,
            tasks: 4,
            threads: 4,
            waitables: 2,
            sets: 1
        }
    );
}

#[test]
fn ends_between_instances_that_are_locked_together_break_nobody_elses() {
    let mut world = World::new();
    let [first, second, third] = [0; 3].map(|_| world.new_instance());
    let (readable, writable) = stream(&mut world, Some(first));
    world.lift_end(readable).unwrap();
    world.lower_end(readable, second, 1).unwrap();
    let (kept, given) = stream(&mut world, Some(third));
    world.lock_all([first, second]).unwrap();
    let _ = writable;
    assert!(world.waitable_report(kept).is_some() && world.waitable_report(given).is_some());
    world.release_all([first, second], &mut |_| {}).unwrap();
    assert_eq!(world.counts().waitables, 2);
    world.remove_instance(third, &mut |_| {}).unwrap();
}

#[test]
fn nothing_is_freed_of_instances_one_of_which_runs() {
    let mut world = World::new();
    let (waits, _) = waiters(&mut world, 2, 2);
    let runs = world.new_instance();
    call(&mut world, runs, Lift::Stackful, None);
    let before = world.counts();
    assert!(world.release_all([waits, runs], &mut |_| {}).is_err());
    assert_eq!(world.counts(), before);
}

#[test]
fn many_instances_are_freed_in_time_that_does_not_grow_with_all_there_is() {
    let mut world = World::new();
    let instances: Vec<InstanceId> = (0..3000).map(|_| world.new_instance()).collect();
    waiters(&mut world, 100, 30_000);
    let start = Instant::now();
    world.release_all(instances, &mut |_| {}).unwrap();
    // One search takes some milliseconds; one for each instance takes half a minute.
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(world.counts().threads, 100);
}
