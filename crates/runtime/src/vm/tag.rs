//! Tags of instances: their definitions, whose addresses tell them apart.

use super::core_instance::InstancePtr;
use super::pointer::VmPtr;
use crate::type_registry::TypeId;
use threadline_environ::TagIndex;
use threadline_environ::entity::EntityRef;
use threadline_environ::layout::{VMTagDefinition, VMTagImport};

/// A tag, by its definition in some `VMContext`. Equal if it is the same tag.
pub(crate) type TagPtr = VmPtr<VMTagDefinition>;

impl TagPtr {
    /// The function type whose parameters are the values of its exceptions.
    pub(crate) fn type_id(self) -> TypeId {
        // SAFETY: the definition is alive and never changes.
        TypeId(unsafe { (*self.as_ptr()).type_id })
    }
}

impl InstancePtr {
    /// Writes the definitions of an instance's tags, and the imports.
    pub(super) fn fill_tags(self, imports: &[TagPtr]) {
        let module = self.module();
        for (i, tag) in imports.iter().enumerate() {
            let from = tag.as_ptr();
            self.set_field(
                module.layout.tag_import(TagIndex::new(i)),
                VMTagImport { from },
            );
        }
        for (index, &signature) in module.module.tags.iter() {
            if let Some(defined) = module.module.defined_tag_index(index) {
                let type_id = module.type_id(signature).0;
                self.set_field(module.layout.tag(defined), VMTagDefinition { type_id });
            }
        }
    }

    /// A tag by its index, at its definition.
    pub(crate) fn tag(self, index: TagIndex) -> TagPtr {
        let module = self.module();
        if let Some(defined) = module.module.defined_tag_index(index) {
            return self.field(module.layout.tag(defined));
        }
        let import = self.field::<VMTagImport>(module.layout.tag_import(index));
        // SAFETY: `fill_tags` has written the field, from a `TagPtr`.
        unsafe { VmPtr::known((*import.as_ptr()).from) }
    }
}
