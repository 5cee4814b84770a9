//! Where instances get their memories, tables and contexts from.
//!
//! Two allocators: one asks the system each time; the other, the *pool*, has set everything aside
//! when the engine was made, and uses it again. What is allocated is given back when it is
//! dropped, by whoever it came from: when the store is, or when instantiation fails before there
//! is an instance. A pool clears what it gets back before it can be given to anybody else, so
//! nothing of one instance is ever seen by the next.
//!
//! What memories begin with is in [`MemoryImage`]s, which are mapped so that a page is copied when
//! it is written to.

mod block;
mod config;
mod memory_image;
mod memory_pool;
mod spare;
mod table_pool;

pub use config::{InstanceAllocationStrategy, PoolingAllocationConfig};

pub(super) use block::{Block, Permit};
pub(crate) use memory_image::{MemoryImage, StaticData};
pub(super) use memory_pool::{MemoryPool, MemorySlot};
pub(super) use spare::{Fresh, SpareMappings};
pub(super) use table_pool::{TablePool, TableSlot};

use super::memory::LinearMemory;
use super::table::TableElements;
use anyhow::{Context as _, Result};
use block::{BlockPool, Limit};
use std::sync::Arc;
use threadline_environ::{MemoryType, TableType, Tunables};

/// Allocates what instances of an engine are made of.
pub(crate) struct InstanceAllocator {
    pool: Option<Pool>,
    /// Without a pool, what is left of memories.
    spares: Arc<SpareMappings>,
}

/// What was set aside.
struct Pool {
    memories: Arc<MemoryPool>,
    tables: Arc<TablePool>,
    core_instances: Arc<BlockPool>,
    component_instances: Arc<BlockPool>,
}

/// Whose context a block is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// A core instance that belongs to no component.
    CoreInstance,
    /// A component instance, with all core instances in it.
    ComponentInstance,
}

impl InstanceAllocator {
    /// An allocator for engines with these options.
    ///
    /// # Errors
    /// If there is no address space for the pool.
    pub(crate) fn new(
        strategy: &InstanceAllocationStrategy,
        tunables: &Tunables,
    ) -> Result<InstanceAllocator> {
        let InstanceAllocationStrategy::Pooling(config) = strategy else {
            return Ok(InstanceAllocator {
                pool: None,
                spares: Arc::default(),
            });
        };
        let context = "failed to set aside what the pooling allocator is configured for";
        let core = Limit {
            what: "core instances",
            count: config.total_core_instances as usize,
            size: config.max_core_instance_size,
        };
        let component = Limit {
            what: "component instances",
            count: config.total_component_instances as usize,
            size: config.max_component_instance_size,
        };
        Ok(InstanceAllocator {
            pool: Some(Pool {
                memories: Arc::new(MemoryPool::new(config, tunables).context(context)?),
                tables: Arc::new(TablePool::new(config).context(context)?),
                core_instances: Arc::new(BlockPool::new(core)),
                component_instances: Arc::new(BlockPool::new(component)),
            }),
            spares: Arc::default(),
        })
    }

    /// A memory of a type at its minimal size, with these contents; zero if there are none.
    ///
    /// # Errors
    /// If there is no room, or the type asks for too much.
    pub(super) fn memory(
        &self,
        ty: &MemoryType,
        tunables: &Tunables,
        image: Option<&Arc<MemoryImage>>,
    ) -> Result<LinearMemory> {
        match &self.pool {
            Some(pool) => LinearMemory::in_pool(ty, &pool.memories, image),
            None => LinearMemory::on_demand(ty, tunables, image, &self.spares),
        }
    }

    /// A table of nulls.
    ///
    /// # Errors
    /// If there is no room, or the type asks for too much.
    pub(super) fn table(&self, ty: &TableType) -> Result<TableElements> {
        TableElements::new(ty, self.pool.as_ref().map(|pool| &pool.tables))
    }

    /// Room for contexts, zeroed.
    ///
    /// # Errors
    /// If the pool has none, or is not for such large ones.
    pub(super) fn block(&self, kind: BlockKind, size: u32) -> Result<Block> {
        let pool = self.pool.as_ref().map(|pool| match kind {
            BlockKind::CoreInstance => &pool.core_instances,
            BlockKind::ComponentInstance => &pool.component_instances,
        });
        Block::new(size as usize, pool)
    }

    /// Leave to make a core instance whose context is in the block of its component.
    ///
    /// # Errors
    /// If there are too many.
    pub(super) fn core_instance_permit(&self) -> Result<Option<Permit>> {
        let pool = self.pool.as_ref().map(|pool| &pool.core_instances);
        pool.map(BlockPool::permit).transpose()
    }

    /// How many bytes of data make an image worthwhile: where images are used again and again,
    /// any. Elsewhere they must make up for the mapping and for the file that is held open.
    pub(crate) fn least_image(&self) -> usize {
        match self.pool {
            Some(_) => 1,
            None => 16 << 10,
        }
    }
}
