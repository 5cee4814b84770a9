//! What a store's guests may take: [`ResourceLimiter`], and [`StoreLimits`], which will do for most.

use super::StoreOpaque;
use crate::module::CoreModule;
use crate::vm::{
    BorrowScopesPtr, DefinedMemory, DefinedTable, HandleTablePtr, InstanceAllocationStrategy,
};
use anyhow::{Context as _, Error, Result, anyhow, bail, ensure};
use threadline_environ::{MemoryType, TableType};

/// How many instances a store may have unless its limiter says otherwise; as many tables, and as
/// many memories.
const DEFAULT_COUNT: usize = 10_000;

/// How many handles a store's components may have unless its limiter says otherwise.
const DEFAULT_HANDLES: usize = 1 << 16;

/// How many guest threads a store may have unless its limiter says otherwise.
const DEFAULT_THREADS: usize = 4096;

/// How many bytes the messages of a store's error contexts may have unless its limiter says otherwise.
const DEFAULT_ERROR_CONTEXT_BYTES: usize = 16 << 20;

/// How many bytes of address space a store's memories may take unless its limiter says otherwise.
const DEFAULT_ADDRESS_SPACE: u64 = 4 << 40;

const TOO_MANY_HANDLES: &str =
    "the store's components need more handles than its limits allow (`ResourceLimiter::handles`)";

/// Decides what the guests of a store may take. See [`Store::limiter`](crate::Store::limiter).
///
/// `docs/limits.md` has a table of all limits, with their defaults.
///
/// It is asked when memories and tables are made, by a module or by the host, and when they grow;
/// and how many of each there may be, when a module is instantiated. What it is told beforehand
/// may fail for other reasons afterwards, and it is not told what is freed: a store frees nothing
/// before it is dropped. Memories that threads share are in it where a guest makes or grows them.
pub trait ResourceLimiter: Send {
    /// Whether a memory may grow from `current` to `desired` bytes. A new memory is one that grows
    /// from 0. `maximum` is that of its type; `desired` may be beyond it, and then the growth will
    /// fail whatever is said here.
    ///
    /// # Errors
    /// An error is what the guest traps with, or instantiation fails with.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool>;

    /// A memory that may grow could not, for the reason `error`. By default that is for the guest
    /// to see, which gets −1.
    ///
    /// # Errors
    /// An error is what the guest traps with.
    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        let _ = error;
        Ok(())
    }

    /// Whether a table may grow from `current` to `desired` elements, as
    /// [`memory_growing`](ResourceLimiter::memory_growing).
    ///
    /// # Errors
    /// An error is what the guest traps with, or instantiation fails with.
    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool>;

    /// A table that may grow could not, as
    /// [`memory_grow_failed`](ResourceLimiter::memory_grow_failed).
    ///
    /// # Errors
    /// An error is what the guest traps with.
    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        let _ = error;
        Ok(())
    }

    /// How many core instances the store may have; 10,000 by default.
    fn instances(&self) -> usize {
        DEFAULT_COUNT
    }

    /// How many tables its modules may define; 10,000 by default.
    fn tables(&self) -> usize {
        DEFAULT_COUNT
    }

    /// How many memories its modules may define; 10,000 by default.
    fn memories(&self) -> usize {
        DEFAULT_COUNT
    }

    /// Returns how many bytes of address space the memories of the store's modules may take, with what
    /// is set aside for growth and the guards behind; 4 TiB by default, which is room for about a
    /// thousand memories ([`Config::memory_reservation`](crate::Config::memory_reservation)).
    /// Memories in a pool take none of it.
    fn address_space(&self) -> u64 {
        DEFAULT_ADDRESS_SPACE
    }

    /// How many entries the handle tables of the store's components may have together, of 16 bytes
    /// each, and calls with borrowed handles that aren't over; 65,536 by default. A guest that needs
    /// more traps. A stream, future, subtask or waitable set behind a handle takes some hundred bytes
    /// more. The host may have as many ends of streams and futures that guests made.
    fn handles(&self) -> usize {
        DEFAULT_HANDLES
    }

    /// How many guest threads the store may have at once, those of calls among them; 4,096 by default.
    /// Each takes some hundred bytes, and a stack once it has run: so this is the limit of the store's
    /// stacks, too. A stack takes the pages that were used, at most
    /// [`Config::async_stack_size`](crate::Config::async_stack_size), and all stores of the engine
    /// share [`Config::max_async_stacks`](crate::Config::max_async_stacks). A guest that needs more
    /// traps. It is asked when there are as many as it said last.
    fn threads(&self) -> usize {
        DEFAULT_THREADS
    }

    /// Returns how many bytes the messages of the store's error contexts may have together, counted for
    /// each handle; 16 MiB by default. A guest that needs more traps.
    fn error_context_bytes(&self) -> usize {
        DEFAULT_ERROR_CONTEXT_BYTES
    }
}

/// Fixed limits.
#[derive(Clone, Debug)]
pub struct StoreLimits {
    memory_size: Option<usize>,
    table_elements: Option<usize>,
    instances: usize,
    tables: usize,
    memories: usize,
    address_space: u64,
    handles: usize,
    threads: usize,
    error_context_bytes: usize,
    trap_on_grow_failure: bool,
}

/// Makes [`StoreLimits`].
#[derive(Clone, Debug, Default)]
pub struct StoreLimitsBuilder(StoreLimits);

impl Default for StoreLimits {
    /// No limit to sizes, and the default ones to counts.
    fn default() -> StoreLimits {
        StoreLimits {
            memory_size: None,
            table_elements: None,
            instances: DEFAULT_COUNT,
            tables: DEFAULT_COUNT,
            memories: DEFAULT_COUNT,
            address_space: DEFAULT_ADDRESS_SPACE,
            handles: DEFAULT_HANDLES,
            threads: DEFAULT_THREADS,
            error_context_bytes: DEFAULT_ERROR_CONTEXT_BYTES,
            trap_on_grow_failure: false,
        }
    }
}

impl StoreLimitsBuilder {
    /// Starts from the defaults.
    pub fn new() -> StoreLimitsBuilder {
        StoreLimitsBuilder::default()
    }

    /// How many bytes each memory may have; any number by default.
    pub fn memory_size(mut self, bytes: usize) -> StoreLimitsBuilder {
        self.0.memory_size = Some(bytes);
        self
    }

    /// How many elements each table may have; any number by default.
    pub fn table_elements(mut self, elements: usize) -> StoreLimitsBuilder {
        self.0.table_elements = Some(elements);
        self
    }

    /// How many core instances the store may have; 10,000 by default.
    pub fn instances(mut self, count: usize) -> StoreLimitsBuilder {
        self.0.instances = count;
        self
    }

    /// How many tables its modules may define; 10,000 by default.
    pub fn tables(mut self, count: usize) -> StoreLimitsBuilder {
        self.0.tables = count;
        self
    }

    /// How many memories its modules may define; 10,000 by default.
    pub fn memories(mut self, count: usize) -> StoreLimitsBuilder {
        self.0.memories = count;
        self
    }

    /// Sets how many bytes of address space memories may take; 4 TiB by default. See
    /// [`ResourceLimiter::address_space`].
    pub fn address_space(mut self, bytes: u64) -> StoreLimitsBuilder {
        self.0.address_space = bytes;
        self
    }

    /// How many entries the handle tables of components may have together; 65,536 by default. See
    /// [`ResourceLimiter::handles`].
    pub fn handles(mut self, count: usize) -> StoreLimitsBuilder {
        self.0.handles = count;
        self
    }

    /// How many guest threads the store may have at once, those of calls among them; 4,096 by default.
    /// See [`ResourceLimiter::threads`].
    pub fn threads(mut self, count: usize) -> StoreLimitsBuilder {
        self.0.threads = count;
        self
    }

    /// Sets how many bytes the messages of error contexts may have together; 16 MiB by default. See
    /// [`ResourceLimiter::error_context_bytes`].
    pub fn error_context_bytes(mut self, bytes: usize) -> StoreLimitsBuilder {
        self.0.error_context_bytes = bytes;
        self
    }

    /// Whether a guest that fails to grow a memory or table traps, instead of getting −1.
    pub fn trap_on_grow_failure(mut self, trap: bool) -> StoreLimitsBuilder {
        self.0.trap_on_grow_failure = trap;
        self
    }

    /// The limits.
    pub fn build(self) -> StoreLimits {
        self.0
    }
}

impl StoreLimits {
    fn answer(&self, limit: Option<usize>, what: &str, desired: usize) -> Result<bool> {
        let allowed = limit.is_none_or(|limit| desired <= limit);
        if !allowed && self.trap_on_grow_failure {
            bail!("a {what} of {desired} exceeds the store's limits");
        }
        Ok(allowed)
    }

    fn failed(&self, error: Error) -> Result<()> {
        if self.trap_on_grow_failure {
            return Err(error);
        }
        Ok(())
    }
}

impl ResourceLimiter for StoreLimits {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        self.answer(self.memory_size, "memory size in bytes", desired)
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        self.failed(error)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        self.answer(self.table_elements, "table size in elements", desired)
    }

    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        self.failed(error)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn handles(&self) -> usize {
        self.handles
    }

    fn address_space(&self) -> u64 {
        self.address_space
    }

    fn error_context_bytes(&self) -> usize {
        self.error_context_bytes
    }
}

/// How much a store's modules have made.
#[derive(Debug, Default)]
pub(super) struct ResourceCounts {
    instances: usize,
    tables: usize,
    memories: usize,
    handles: usize,
    /// In bytes.
    address_space: u64,
}

impl StoreOpaque {
    /// Asks the store's limiter, if it has one.
    fn ask<R>(&mut self, question: impl FnOnce(&mut dyn ResourceLimiter) -> R) -> Option<R> {
        let limiter = self.limiter.clone()?;
        limiter.with(self, question)
    }

    /// Counts what an instance of a module adds to the store.
    ///
    /// # Errors
    /// If it is more than the limiter allows. Nothing is counted then.
    pub(crate) fn count_resources(&mut self, module: &CoreModule) -> Result<()> {
        let info = &module.module;
        let asked = self.ask(|l| (l.instances(), l.tables(), l.memories()));
        let (instances, tables, memories) =
            asked.unwrap_or((DEFAULT_COUNT, DEFAULT_COUNT, DEFAULT_COUNT));
        let address_space = self.add_address_space(module)?;
        let counts = &self.counts;
        let new = ResourceCounts {
            instances: add(counts.instances, 1, instances, "instance")?,
            tables: add(counts.tables, info.num_defined_tables(), tables, "table")?,
            memories: add(
                counts.memories,
                info.num_defined_memories(),
                memories,
                "memory",
            )?,
            handles: counts.handles,
            address_space,
        };
        self.counts = new;
        Ok(())
    }

    /// Takes back what [`count_resources`](StoreOpaque::count_resources) added, for an instance
    /// that wasn't made.
    pub(crate) fn uncount_resources(&mut self, module: &CoreModule) {
        let info = &module.module;
        self.counts.instances -= 1;
        self.counts.tables -= info.num_defined_tables();
        self.counts.memories -= info.num_defined_memories();
        let address_space = self.address_space_of(module);
        self.counts.address_space = self.counts.address_space.saturating_sub(address_space);
    }

    /// Returns the address space that the store takes once a module has an instance.
    ///
    /// # Errors
    /// If it is more than the limiter allows.
    fn add_address_space(&mut self, module: &CoreModule) -> Result<u64> {
        let needed = self.address_space_of(module);
        let sum = self.counts.address_space.saturating_add(needed);
        if needed > 0 {
            let limit = self.ask(|l| l.address_space());
            let limit = limit.unwrap_or(DEFAULT_ADDRESS_SPACE);
            ensure!(
                sum <= limit,
                "resource limit exceeded: the store's memories need {sum} bytes of address space, \
                 and its limits allow {limit} (`ResourceLimiter::address_space`); a smaller \
                 `Config::memory_reservation` makes room"
            );
        }
        Ok(sum)
    }

    /// Returns the address space that the memories take that a module defines.
    fn address_space_of(&self, module: &CoreModule) -> u64 {
        let config = self.engine().config();
        if !matches!(config.allocation, InstanceAllocationStrategy::OnDemand) {
            return 0;
        }
        let info = &module.module;
        let defined = info.memories.values().skip(info.num_imported_memories);
        let sizes = defined.map(|ty| {
            // A shared memory has room for all it can become.
            let pages = match ty.shared {
                true => ty.maximum.unwrap_or(ty.minimum),
                false => ty.minimum,
            };
            let reserved = config
                .tunables
                .memory_reservation
                .max(bytes(ty, pages) as u64);
            reserved.saturating_add(config.tunables.memory_guard_size)
        });
        sizes.fold(0, u64::saturating_add)
    }

    /// How many entries handle tables and borrow scopes may still get.
    fn room_for_handles(&mut self) -> usize {
        self.handle_limit().saturating_sub(self.counts.handles)
    }

    /// How many guest threads there may be; see [`ResourceLimiter::threads`].
    pub(crate) fn thread_limit(&mut self) -> usize {
        self.ask(|l| l.threads()).unwrap_or(DEFAULT_THREADS)
    }

    /// Returns how many bytes messages of error contexts may have; see
    /// [`ResourceLimiter::error_context_bytes`].
    pub(crate) fn error_context_limit(&mut self) -> usize {
        self.ask(|l| l.error_context_bytes())
            .unwrap_or(DEFAULT_ERROR_CONTEXT_BYTES)
    }

    /// How many handles there may be; see [`ResourceLimiter::handles`].
    pub(crate) fn handle_limit(&mut self) -> usize {
        self.ask(|l| l.handles()).unwrap_or(DEFAULT_HANDLES)
    }

    /// Makes a handle table of a component of the store longer. It is full.
    ///
    /// # Errors
    /// If the store may have no more handles, or there is no memory.
    #[cold]
    pub(crate) fn grow_handle_table(&mut self, table: HandleTablePtr) -> Result<()> {
        let room = self.room_for_handles();
        self.counts.handles += table.grow(room).context(TOO_MANY_HANDLES)?;
        Ok(())
    }

    /// Makes more borrow scopes for a component of the store. None is free.
    ///
    /// # Errors
    /// As [`StoreOpaque::grow_handle_table`].
    #[cold]
    pub(crate) fn grow_borrow_scopes(&mut self, scopes: BorrowScopesPtr) -> Result<()> {
        let room = self.room_for_handles();
        self.counts.handles += scopes.grow(room).context(TOO_MANY_HANDLES)?;
        Ok(())
    }

    /// Asks whether a new memory of a type may be made.
    ///
    /// # Errors
    /// If it may not.
    pub(crate) fn limit_new_memory(&mut self, ty: &MemoryType) -> Result<()> {
        let size = bytes(ty, ty.minimum);
        let allowed = self.ask(|l| l.memory_growing(0, size, memory_maximum(ty)));
        ensure!(
            allowed.unwrap_or(Ok(true))?,
            "memory minimum size of {} pages exceeds memory limits",
            ty.minimum
        );
        Ok(())
    }

    /// Asks whether a new table of a type may be made.
    ///
    /// # Errors
    /// If it may not.
    pub(crate) fn limit_new_table(&mut self, ty: &TableType) -> Result<()> {
        let size = saturated(ty.minimum);
        let allowed = self.ask(|l| l.table_growing(0, size, ty.maximum.map(saturated)));
        ensure!(
            allowed.unwrap_or(Ok(true))?,
            "table minimum size of {size} elements exceeds table limits"
        );
        Ok(())
    }

    /// `memory.grow`: the old size in pages, or `None`.
    ///
    /// # Errors
    /// Those of the limiter.
    pub(crate) fn grow_memory(&mut self, memory: DefinedMemory, delta: u64) -> Result<Option<u64>> {
        let (ty, pages) = (memory.ty(), memory.size());
        let current = bytes(&ty, pages);
        let desired = bytes(&ty, pages.saturating_add(delta));
        let asked = self.ask(|l| l.memory_growing(current, desired, memory_maximum(&ty)));
        if !asked.unwrap_or(Ok(true))? {
            return Ok(None);
        }
        let old = memory.grow(delta);
        if old.is_none() {
            let error = anyhow!("failed to grow memory from {pages} pages by {delta}");
            self.ask(|l| l.memory_grow_failed(error))
                .unwrap_or(Ok(()))?;
        }
        Ok(old)
    }

    /// `table.grow`: the old size, or `None`.
    ///
    /// # Errors
    /// Those of the limiter.
    pub(crate) fn grow_table(
        &mut self,
        table: DefinedTable,
        delta: u64,
        element: usize,
    ) -> Result<Option<u64>> {
        let (ty, size) = (table.ty(), table.size());
        let desired = saturated(size.saturating_add(delta));
        let maximum = ty.maximum.map(saturated);
        let asked = self.ask(|l| l.table_growing(saturated(size), desired, maximum));
        if !asked.unwrap_or(Ok(true))? {
            return Ok(None);
        }
        let old = table.grow(delta, element);
        if old.is_none() {
            let error = anyhow!("failed to grow table from {size} elements by {delta}");
            self.ask(|l| l.table_grow_failed(error)).unwrap_or(Ok(()))?;
        }
        Ok(old)
    }
}

fn add(count: usize, more: usize, limit: usize, what: &str) -> Result<usize> {
    let sum = count.checked_add(more).filter(|&sum| sum <= limit);
    sum.with_context(|| {
        format!(
            "resource limit exceeded: {what} count too high at {}",
            count + more
        )
    })
}

fn bytes(ty: &MemoryType, pages: u64) -> usize {
    saturated(pages.saturating_mul(ty.page_size()))
}

fn memory_maximum(ty: &MemoryType) -> Option<usize> {
    ty.maximum.map(|pages| bytes(ty, pages))
}

fn saturated(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
