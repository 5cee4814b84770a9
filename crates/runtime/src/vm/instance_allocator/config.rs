//! How instances are allocated: the embedder's choice.

/// How an engine allocates what instances are made of.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum InstanceAllocationStrategy {
    /// Everything is asked from the system when it is needed, and given back when the store is
    /// dropped. No limits but those of the system and of the store's
    /// [`ResourceLimiter`](crate::ResourceLimiter).
    #[default]
    OnDemand,
    /// Everything is set aside when the engine is made, and used again. Instantiation is cheaper,
    /// and there is no more than what is set aside.
    Pooling(PoolingAllocationConfig),
}

impl From<PoolingAllocationConfig> for InstanceAllocationStrategy {
    fn from(config: PoolingAllocationConfig) -> InstanceAllocationStrategy {
        InstanceAllocationStrategy::Pooling(config)
    }
}

/// How much a pooling allocator sets aside. Address space, that is: memory is taken when it is
/// touched.
#[derive(Clone, Debug)]
pub struct PoolingAllocationConfig {
    pub(super) total_component_instances: u32,
    pub(super) total_core_instances: u32,
    pub(super) total_memories: u32,
    pub(super) total_tables: u32,
    pub(super) max_component_instance_size: usize,
    pub(super) max_core_instance_size: usize,
    pub(super) max_memory_size: usize,
    pub(super) table_elements: usize,
    pub(super) linear_memory_keep_resident: usize,
    pub(super) table_keep_resident: usize,
}

impl Default for PoolingAllocationConfig {
    fn default() -> PoolingAllocationConfig {
        PoolingAllocationConfig {
            total_component_instances: 1000,
            total_core_instances: 1000,
            total_memories: 1000,
            total_tables: 1000,
            max_component_instance_size: 1 << 20,
            max_core_instance_size: 1 << 20,
            max_memory_size: 1 << 32,
            table_elements: 20_000,
            linear_memory_keep_resident: 0,
            table_keep_resident: 0,
        }
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $ty:ty;)*) => {
        impl PoolingAllocationConfig {
            /// The defaults.
            pub fn new() -> PoolingAllocationConfig {
                PoolingAllocationConfig::default()
            }

            $($(#[$doc])*
            pub fn $name(&mut self, value: $ty) -> &mut PoolingAllocationConfig {
                self.$name = value;
                self
            })*
        }
    };
}

setters! {
    /// How many component instances there may be at a time; 1,000 by default.
    total_component_instances: u32;
    /// How many core instances there may be at a time, those in components among them; 1,000 by
    /// default.
    total_core_instances: u32;
    /// How many memories there may be at a time; 1,000 by default. Each takes as much address
    /// space as [`Config::memory_reservation`](crate::Config::memory_reservation) says, or as
    /// much as the largest may have.
    total_memories: u32;
    /// How many tables there may be at a time; 1,000 by default.
    total_tables: u32;
    /// How many bytes the contexts of a component instance may take; 1 MiB by default.
    max_component_instance_size: usize;
    /// How many bytes the context of a core instance that belongs to no component may take; 1 MiB
    /// by default.
    max_core_instance_size: usize;
    /// How many bytes a memory may have; 4 GiB by default.
    max_memory_size: usize;
    /// How many elements a table may have; 20,000 by default.
    table_elements: usize;
    /// How many bytes of a memory are cleared by writing to them when it is given back, so that
    /// they stay in memory; the rest is returned to the system. None by default.
    linear_memory_keep_resident: usize;
    /// The same for tables.
    table_keep_resident: usize;
}
