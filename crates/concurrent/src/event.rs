//! Events, and how they and results are packed into numbers for guests.

use crate::id::SubtaskId;

/// `BLOCKED`: what an `async` operation answers that goes on after it has returned.
pub const BLOCKED: u32 = 0xffff_ffff;

/// `Buffer.MAX_LENGTH`: how many elements one read or write may have.
pub const MAX_BUFFER_LENGTH: u32 = (1 << 28) - 1;

/// `EventCode`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum EventCode {
    /// Nothing has happened: the answer of a poll, and of a callback's yield.
    None = 0,
    /// A subtask has started or is resolved.
    Subtask = 1,
    /// A read of a stream is over, or its writable end was dropped.
    StreamRead = 2,
    /// A write to a stream is over, or its readable end was dropped.
    StreamWrite = 3,
    /// A read of a future is over.
    FutureRead = 4,
    /// A write to a future is over, or its readable end was dropped.
    FutureWrite = 5,
    /// The caller of the task asks to cancel it.
    TaskCancelled = 6,
}

/// `EventTuple`: what a guest is told, and what its runtime has to do for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// What has happened.
    pub code: EventCode,
    /// The index of the waitable it happened to, in the instance's table of handles.
    pub index: u32,
    /// More about it, packed as the specification says for the code.
    pub payload: u32,
    /// The subtask whose resolution is delivered by this event: the driver now takes back what was
    /// lent to it (`Subtask.deliver_resolve`).
    pub resolved: Option<SubtaskId>,
}

impl Event {
    /// Nothing has happened.
    pub const NONE: Event = Event::of_task(EventCode::None);
    /// The task shall be cancelled.
    pub const TASK_CANCELLED: Event = Event::of_task(EventCode::TaskCancelled);

    const fn of_task(code: EventCode) -> Event {
        Event {
            code,
            index: 0,
            payload: 0,
            resolved: None,
        }
    }
}

/// `CopyResult`: how a read or write ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum CopyResult {
    /// As it should.
    Completed = 0,
    /// The other end was dropped.
    Dropped = 1,
    /// It was cancelled.
    Cancelled = 2,
}

/// The state of a subtask and its index, as an `async` call answers.
#[inline]
pub fn pack_subtask(state: u32, index: u32) -> u32 {
    state | index << 4
}

/// How a read or write of a stream ended, and how many elements were copied.
#[inline]
pub fn pack_copy(result: CopyResult, progress: u32) -> u32 {
    result as u32 | progress << 4
}

/// `CallbackCode`: what a callback wants next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallbackCode {
    /// The thread ends.
    Exit,
    /// Let others run, then call again.
    Yield,
    /// Call again with an event of the waitable set that has this index.
    Wait(u32),
}

/// `unpack_callback_result`.
///
/// # Errors
///
/// [`Trap::UnsupportedCallbackCode`](crate::Trap::UnsupportedCallbackCode).
#[inline]
pub fn unpack_callback_result(packed: u32) -> Result<CallbackCode, crate::Trap> {
    match packed & 0xf {
        0 => Ok(CallbackCode::Exit),
        1 => Ok(CallbackCode::Yield),
        2 => Ok(CallbackCode::Wait(packed >> 4)),
        _ => Err(crate::Trap::UnsupportedCallbackCode),
    }
}

#[cfg(test)]
mod tests {
    use super::{CallbackCode, CopyResult, pack_copy, pack_subtask, unpack_callback_result};
    use crate::Trap;

    #[test]
    fn numbers_are_packed_bit_for_bit() {
        assert_eq!(pack_subtask(1, 3), 0x31);
        assert_eq!(pack_copy(CopyResult::Cancelled, 5), 0x52);
        assert_eq!(
            pack_copy(CopyResult::Dropped, super::MAX_BUFFER_LENGTH),
            0xffff_fff1
        );
        assert_eq!(unpack_callback_result(0xfff0), Ok(CallbackCode::Exit));
        assert_eq!(unpack_callback_result(1), Ok(CallbackCode::Yield));
        assert_eq!(unpack_callback_result(0x72), Ok(CallbackCode::Wait(7)));
        for code in 3..16 {
            assert_eq!(
                unpack_callback_result(code),
                Err(Trap::UnsupportedCallbackCode)
            );
        }
    }
}
