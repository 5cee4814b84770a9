//! Handle tables and borrow scopes, as the host works on them.
//!
//! `class Table` and `ResourceHandle` of `definitions.py`. Compiled code does the same to the same
//! memory (`crates/cranelift/src/trampoline/resource.rs`); how it is laid out is described in
//! `crates/environ/src/layout/handle_table.rs`. What handles mean is in `crate::component` and
//! [`super::resources`].

use super::pointer::VmPtr;
use crate::component::ResourceTypeId;
use crate::trap::Trap;
use std::ptr::{self, NonNull};
use threadline_environ::layout::{
    FIRST_OTHER_KIND, KIND_FREE, MAX_TABLE_LENGTH, STATE_LEND, STATE_OWN, VMBorrowScope,
    VMBorrowScopes, VMHandle, VMHandleTable,
};

/// Entries that a table gets first.
const FIRST_LENGTH: u32 = 16;

/// Scopes at most: more than there can be calls on a stack.
const MAX_SCOPES: u32 = 1 << 24;

/// A component instance's handle table.
pub(crate) type HandleTablePtr = VmPtr<VMHandleTable>;

/// The borrow scopes of a component instance.
pub(crate) type BorrowScopesPtr = VmPtr<VMBorrowScopes>;

/// What is wrong with a handle.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum HandleFault {
    /// There is nothing with this index.
    Unknown,
    /// It is of another type, or (`None`) no resource at all.
    Type(Option<ResourceTypeId>),
    /// It is lent.
    Lent,
    /// It is borrowed, where an owned one is wanted.
    Borrowed,
    /// It is lent too often already.
    TooManyLends,
}

/// A new table without entries.
pub(super) fn empty_table() -> VMHandleTable {
    VMHandleTable {
        base: ptr::null_mut(),
        length: 0,
        free: 0,
    }
}

/// No scopes yet.
pub(super) fn no_scopes() -> VMBorrowScopes {
    VMBorrowScopes {
        base: ptr::null_mut(),
        length: 0,
        free: 0,
    }
}

/// The elements from `base` on, as the box that they are.
///
/// # Safety
/// `base` and `length` are those of a boxed slice that was leaked, or `base` is null.
unsafe fn boxed<T>(base: *mut T, length: u32) -> Box<[T]> {
    match NonNull::new(base) {
        // SAFETY: the caller answers for it.
        Some(base) => unsafe {
            Box::from_raw(ptr::slice_from_raw_parts_mut(
                base.as_ptr(),
                length as usize,
            ))
        },
        None => Box::default(),
    }
}

/// What a table has beside handles of resources.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum OtherKind {
    /// A subtask, by the bits of its id.
    Subtask,
    /// An end of a stream or future, likewise.
    End,
    /// A waitable set, likewise.
    Set,
    /// An error context, by its place in the store.
    ErrorContext,
}

impl OtherKind {
    /// What it is called in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            OtherKind::Subtask => "subtask",
            OtherKind::End => "stream or future end",
            OtherKind::Set => "waitable set",
            OtherKind::ErrorContext => "error context",
        }
    }
}

/// The length of a list of `length` elements when it has grown: twice that, but at most `limit`, and
/// at most `room` more.
///
/// # Errors
/// If it can't grow.
fn grown(length: usize, limit: u32, room: usize) -> Result<u32, Trap> {
    let wanted = length.saturating_mul(2).max(FIRST_LENGTH as usize);
    let allowed = length.saturating_add(room).min(limit as usize);
    let new = wanted.min(allowed);
    // The first element is never used, so one alone is none.
    if new <= length.max(1) {
        return Err(Trap::TooManyHandles);
    }
    u32::try_from(new).map_err(|_| Trap::TooManyHandles)
}

/// Copies elements to a longer box, whose new ones are made from the index of the next one; that
/// of the last is 0.
fn lengthened<T: Copy>(old: &[T], length: u32, free: impl Fn(u32) -> T) -> Result<Box<[T]>, Trap> {
    let mut list = Vec::new();
    list.try_reserve_exact(length as usize)
        .map_err(|_| Trap::TooManyHandles)?;
    list.extend_from_slice(old);
    for index in old.len() as u32..length {
        let next = if index + 1 == length { 0 } else { index + 1 };
        list.push(free(next));
    }
    Ok(list.into())
}

impl HandleTablePtr {
    fn entries<'a>(self) -> &'a mut [VMHandle] {
        // SAFETY: a `VmPtr` is used while its store lives, by who has borrowed it (see its
        // module), and no compiled code runs meanwhile. `base` and `length` are those of a box
        // that the table owns. Callers drop the slice before anything else can get at the table.
        unsafe {
            let table = &*self.as_ptr();
            match NonNull::new(table.base) {
                Some(base) => std::slice::from_raw_parts_mut(base.as_ptr(), table.length as usize),
                None => &mut [],
            }
        }
    }

    fn free_list<'a>(self) -> &'a mut u32 {
        // SAFETY: as in `entries`.
        unsafe { &mut (*self.as_ptr()).free }
    }

    /// Whether no entry is free: the table must be made longer before anything is added.
    #[inline]
    pub(crate) fn is_full(self) -> bool {
        *self.free_list() == 0
    }

    /// Makes the table longer by at most `room` entries; by how many. No entry is free.
    ///
    /// # Errors
    /// If it is as long as it may be, or there is no memory.
    pub(crate) fn grow(self, room: usize) -> Result<usize, Trap> {
        let old = self.entries();
        let length = grown(old.len(), MAX_TABLE_LENGTH, room)?;
        // Entry 0 is never used, and never free.
        let old_length = old.len();
        let first_free = (old_length as u32).max(1);
        let longer = lengthened(old, length, |next| VMHandle {
            kind: KIND_FREE,
            rep: next,
            ..VMHandle::default()
        })?;
        let longer = Box::leak(longer);
        // SAFETY: as in `entries`; the old box is this table's, and not used any more.
        unsafe {
            let table = &mut *self.as_ptr();
            drop(boxed(table.base, table.length));
            table.base = longer.as_mut_ptr();
            table.length = length;
            debug_assert_eq!(table.free, 0);
            table.free = first_free;
        }
        Ok(length as usize - old_length)
    }

    /// Gives the entries back.
    pub(super) fn clear(self) {
        // SAFETY: as in `grow`.
        unsafe {
            let table = self.as_ptr().replace(empty_table());
            drop(boxed(table.base, table.length));
        }
    }

    fn add(self, handle: VMHandle) -> Result<u32, Trap> {
        let index = *self.free_list();
        if index == 0 {
            return Err(Trap::TooManyHandles);
        }
        let entry = self.entries().get_mut(index as usize);
        let entry = entry.ok_or(Trap::TooManyHandles)?;
        *self.free_list() = entry.rep;
        *entry = handle;
        Ok(index)
    }

    fn free(self, index: u32, entry: &mut VMHandle) {
        *entry = VMHandle {
            kind: KIND_FREE,
            rep: *self.free_list(),
            ..VMHandle::default()
        };
        *self.free_list() = index;
    }

    /// The entry of a handle of this type.
    fn handle<'a>(self, index: u32, ty: ResourceTypeId) -> Result<&'a mut VMHandle, HandleFault> {
        let entry = self.entries().get_mut(index as usize);
        let entry = entry.ok_or(HandleFault::Unknown)?;
        match entry.kind {
            KIND_FREE => Err(HandleFault::Unknown),
            FIRST_OTHER_KIND.. => Err(HandleFault::Type(None)),
            kind if kind == ty.get() => Ok(entry),
            other => Err(HandleFault::Type(ResourceTypeId::new(other))),
        }
    }

    /// Adds something that is no handle of a resource to a table that is not full.
    pub(crate) fn add_other(self, kind: OtherKind, bits: u64) -> Result<u32, Trap> {
        self.add(VMHandle {
            kind: FIRST_OTHER_KIND + kind as u32,
            state: 0,
            rep: bits as u32,
            scope: (bits >> 32) as u32,
        })
    }

    /// What has been added with one of these kinds, which it has.
    #[inline]
    pub(crate) fn other(
        self,
        index: u32,
        kinds: &[OtherKind],
    ) -> Result<(OtherKind, u64), HandleFault> {
        let entry = self.entries().get(index as usize);
        let entry = entry.filter(|entry| entry.kind != KIND_FREE);
        let entry = entry.ok_or(HandleFault::Unknown)?;
        let kind = kinds
            .iter()
            .find(|&&kind| entry.kind == FIRST_OTHER_KIND + kind as u32);
        match kind {
            Some(&kind) => Ok((kind, u64::from(entry.scope) << 32 | u64::from(entry.rep))),
            None => Err(HandleFault::Type(
                ResourceTypeId::new(entry.kind).filter(|_| entry.kind < FIRST_OTHER_KIND),
            )),
        }
    }

    /// Removes what [`Self::other`] has found at this index.
    pub(crate) fn remove_other(self, index: u32) {
        if let Some(entry) = self.entries().get_mut(index as usize) {
            debug_assert!(entry.kind >= FIRST_OTHER_KIND);
            self.free(index, entry);
        }
    }

    /// `resource.rep`.
    pub(super) fn rep(self, index: u32, ty: ResourceTypeId) -> Result<u32, HandleFault> {
        Ok(self.handle(index, ty)?.rep)
    }

    /// `lower_own` into a table that is not full.
    pub(crate) fn lower_own(self, rep: u32, ty: ResourceTypeId) -> Result<u32, Trap> {
        self.add(VMHandle {
            kind: ty.get(),
            state: STATE_OWN,
            rep,
            scope: 0,
        })
    }

    /// `lift_own`.
    pub(crate) fn lift_own(self, index: u32, ty: ResourceTypeId) -> Result<u32, HandleFault> {
        let entry = self.handle(index, ty)?;
        match entry.state {
            STATE_OWN => {
                let rep = entry.rep;
                self.free(index, entry);
                Ok(rep)
            }
            0 => Err(HandleFault::Borrowed),
            _ => Err(HandleFault::Lent),
        }
    }

    /// `lift_borrow`: the handle is lent until [`Self::end_lend`].
    pub(crate) fn lift_borrow(self, index: u32, ty: ResourceTypeId) -> Result<u32, HandleFault> {
        let entry = self.handle(index, ty)?;
        let state = entry.state.checked_add(STATE_LEND);
        entry.state = state.ok_or(HandleFault::TooManyLends)?;
        Ok(entry.rep)
    }

    /// Ends one lending of a handle; it is there, since nothing removes a handle that is lent.
    pub(crate) fn end_lend(self, index: u32) {
        if let Some(entry) = self.entries().get_mut(index as usize) {
            debug_assert!(entry.state >= STATE_LEND);
            entry.state = entry.state.saturating_sub(STATE_LEND);
        }
    }

    /// `lower_borrow` into an instance that doesn't define the type, whose table is not full.
    pub(crate) fn lower_borrow(
        self,
        scopes: BorrowScopesPtr,
        scope: u32,
        rep: u32,
        ty: ResourceTypeId,
    ) -> Result<u32, Trap> {
        let index = self.add(VMHandle {
            kind: ty.get(),
            state: 0,
            rep,
            scope,
        })?;
        if let Some(scope) = scopes.all().get_mut(scope as usize) {
            scope.borrows += 1;
        }
        Ok(index)
    }

    /// `resource.drop` of a borrowed handle that a scope counts and that is not lent.
    pub(crate) fn drop_borrow(self, scopes: BorrowScopesPtr, scope: u32, index: u32) {
        let entry = self.entries().get_mut(index as usize);
        let Some(entry) = entry.filter(|entry| entry.state == 0 && entry.scope == scope) else {
            return;
        };
        if entry.kind == KIND_FREE {
            return;
        }
        self.free(index, entry);
        if let Some(scope) = scopes.all().get_mut(scope as usize) {
            scope.borrows -= 1;
        }
    }

    /// Whether `resource.drop` would remove a handle.
    pub(super) fn check_drop(self, index: u32, ty: ResourceTypeId) -> Result<(), HandleFault> {
        match self.handle(index, ty)?.state {
            0 | STATE_OWN => Ok(()),
            _ => Err(HandleFault::Lent),
        }
    }
}

impl BorrowScopesPtr {
    fn all<'a>(self) -> &'a mut [VMBorrowScope] {
        // SAFETY: as in `HandleTablePtr::entries`.
        unsafe {
            let scopes = &*self.as_ptr();
            match NonNull::new(scopes.base) {
                Some(base) => std::slice::from_raw_parts_mut(base.as_ptr(), scopes.length as usize),
                None => &mut [],
            }
        }
    }

    /// Whether no scope is free: more must be made before one is begun.
    pub(crate) fn is_full(self) -> bool {
        // SAFETY: as in `HandleTablePtr::entries`.
        unsafe { (*self.as_ptr()).free == 0 }
    }

    /// Makes at most `room` more scopes; how many. None is free.
    ///
    /// # Errors
    /// If there are as many as there may be, or there is no memory.
    pub(crate) fn grow(self, room: usize) -> Result<usize, Trap> {
        let old = self.all();
        let length = grown(old.len(), MAX_SCOPES, room)?;
        let old_length = old.len();
        let first_free = (old_length as u32).max(1);
        let more = Box::leak(lengthened(old, length, |next| VMBorrowScope {
            borrows: 0,
            next,
        })?);
        // SAFETY: as in `HandleTablePtr::grow`.
        unsafe {
            let scopes = &mut *self.as_ptr();
            drop(boxed(scopes.base, scopes.length));
            scopes.base = more.as_mut_ptr();
            scopes.length = length;
            scopes.free = first_free;
        }
        Ok(length as usize - old_length)
    }

    /// Gives the scopes back.
    pub(super) fn clear(self) {
        // SAFETY: as in `HandleTablePtr::clear`.
        unsafe {
            let scopes = self.as_ptr().replace(no_scopes());
            drop(boxed(scopes.base, scopes.length));
        }
    }

    /// Begins a scope.
    ///
    /// # Errors
    /// If none is free.
    pub(crate) fn enter(self) -> Result<u32, Trap> {
        // SAFETY: as in `HandleTablePtr::entries`.
        let free = unsafe { &mut (*self.as_ptr()).free };
        let index = *free;
        if index == 0 {
            return Err(Trap::TooManyHandles);
        }
        let scope = self.all().get_mut(index as usize);
        let scope = scope.ok_or(Trap::TooManyHandles)?;
        *free = scope.next;
        scope.borrows = 0;
        Ok(index)
    }

    /// Whether a scope may end.
    ///
    /// # Errors
    /// If borrowed handles are left that it counts.
    pub(crate) fn check(self, index: u32) -> Result<(), Trap> {
        match self.all().get(index as usize) {
            Some(scope) if scope.borrows != 0 => Err(Trap::BorrowsRemain),
            _ => Ok(()),
        }
    }

    /// Ends a scope.
    ///
    /// # Errors
    /// If borrowed handles are left that it counts. It is not ended then.
    pub(crate) fn exit(self, index: u32) -> Result<(), Trap> {
        let Some(scope) = self.all().get_mut(index as usize) else {
            return Ok(());
        };
        if scope.borrows != 0 {
            return Err(Trap::BorrowsRemain);
        }
        // SAFETY: as in `HandleTablePtr::entries`.
        let free = unsafe { &mut (*self.as_ptr()).free };
        scope.next = *free;
        *free = index;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_table(test: impl FnOnce(HandleTablePtr, BorrowScopesPtr)) {
        let mut table = empty_table();
        let mut scopes = no_scopes();
        // SAFETY: both live until the test is over.
        let pointers = unsafe { (VmPtr::known(&raw mut table), VmPtr::known(&raw mut scopes)) };
        test(pointers.0, pointers.1);
        pointers.0.clear();
        pointers.1.clear();
    }

    /// `lower_own`, with as much room as is wanted.
    fn own(table: HandleTablePtr, rep: u32) -> u32 {
        if table.is_full() {
            table.grow(usize::MAX).unwrap();
        }
        table.lower_own(rep, ty(1)).unwrap()
    }

    fn ty(id: u32) -> ResourceTypeId {
        ResourceTypeId::new(id).unwrap()
    }

    #[test]
    fn indices_ascend_and_freed_ones_come_back_last_first() {
        with_table(|table, _| {
            for index in 1..100 {
                assert_eq!(own(table, index * 10), index);
            }
            for index in [5, 70, 6] {
                assert_eq!(table.lift_own(index, ty(1)), Ok(index * 10));
            }
            for index in [6, 70, 5, 100] {
                assert_eq!(own(table, 0), index);
            }
        });
    }

    #[test]
    fn a_table_grows_by_what_room_there_is() {
        with_table(|table, _| {
            assert_eq!(table.grow(0), Err(Trap::TooManyHandles));
            assert_eq!(table.grow(1), Err(Trap::TooManyHandles));
            assert_eq!(table.grow(3), Ok(3));
            assert_eq!((own(table, 7), own(table, 8)), (1, 2));
            assert!(table.is_full());
            assert_eq!(table.lower_own(9, ty(1)), Err(Trap::TooManyHandles));
            assert_eq!(table.grow(0), Err(Trap::TooManyHandles));
            assert_eq!(table.grow(1), Ok(1));
            assert_eq!(own(table, 9), 3);
            assert_eq!(table.rep(1, ty(1)), Ok(7));
        });
    }

    #[test]
    fn index_zero_and_what_was_never_used_are_unknown() {
        with_table(|table, _| {
            assert_eq!(table.lift_own(0, ty(1)), Err(HandleFault::Unknown));
            own(table, 7);
            for index in [0, 2, 15, 16, u32::MAX] {
                assert_eq!(table.lift_own(index, ty(1)), Err(HandleFault::Unknown));
                assert_eq!(table.rep(index, ty(1)), Err(HandleFault::Unknown));
            }
        });
    }

    #[test]
    fn a_handle_that_is_lent_stays() {
        with_table(|table, _| {
            let index = own(table, 7);
            assert_eq!(table.lift_borrow(index, ty(1)), Ok(7));
            assert_eq!(table.lift_borrow(index, ty(1)), Ok(7));
            table.end_lend(index);
            assert_eq!(table.lift_own(index, ty(1)), Err(HandleFault::Lent));
            assert_eq!(table.check_drop(index, ty(1)), Err(HandleFault::Lent));
            table.end_lend(index);
            assert_eq!(table.lift_own(index, ty(1)), Ok(7));
        });
    }

    #[test]
    fn a_handle_of_another_type_is_told_apart() {
        with_table(|table, _| {
            let index = own(table, 7);
            let fault = Err(HandleFault::Type(Some(ty(1))));
            assert_eq!(table.lift_own(index, ty(2)), fault);
        });
    }

    #[test]
    fn a_scope_ends_when_its_handles_are_gone() {
        with_table(|table, scopes| {
            assert_eq!(scopes.enter(), Err(Trap::TooManyHandles));
            scopes.grow(usize::MAX).unwrap();
            table.grow(usize::MAX).unwrap();
            let scope = scopes.enter().unwrap();
            let index = table.lower_borrow(scopes, scope, 7, ty(1)).unwrap();
            assert_eq!(table.lift_own(index, ty(1)), Err(HandleFault::Borrowed));
            assert_eq!(scopes.exit(scope), Err(Trap::BorrowsRemain));
            scopes.all()[scope as usize].borrows -= 1;
            assert_eq!(scopes.exit(scope), Ok(()));
            assert_eq!(
                scopes.enter(),
                Ok(scope),
                "the last one left is the next entered"
            );
        });
    }
}
