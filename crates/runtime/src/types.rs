//! Types of imports and exports, as the embedder sees them.
//!
//! The types of values and functions are `threadline-environ`'s own; here is what a module's
//! interface adds, and when an import's type accepts what is supplied for it.

use crate::Engine;
use std::fmt;
use threadline_environ::{AddressType, FuncType, GlobalType, MemoryType, TableType};

/// The type of something a core module can import or export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag, by a function type whose parameters are the types of its exceptions' values.
    Tag(FuncType),
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternType::Func(ty) => write!(f, "func {ty}"),
            ExternType::Table(ty) => {
                write!(f, "table {}", address(ty.address))?;
                limits(f, ty.minimum, ty.maximum)?;
                write!(f, " {}", ty.element)
            }
            ExternType::Memory(ty) => {
                write!(f, "memory {}", address(ty.address))?;
                limits(f, ty.minimum, ty.maximum)?;
                f.write_str(if ty.shared { " shared" } else { "" })?;
                match ty.page_size_log2 {
                    16 => Ok(()),
                    _ => write!(f, " (pagesize {})", ty.page_size()),
                }
            }
            ExternType::Global(ty) if ty.mutable => write!(f, "global (mut {})", ty.content),
            ExternType::Global(ty) => write!(f, "global {}", ty.content),
            ExternType::Tag(ty) => write!(f, "tag {ty}"),
        }
    }
}

/// 32 bits are the default.
fn address(address: AddressType) -> &'static str {
    match address {
        AddressType::I32 => "",
        AddressType::I64 => "i64 ",
    }
}

fn limits(f: &mut fmt::Formatter<'_>, minimum: u64, maximum: Option<u64>) -> fmt::Result {
    write!(f, "{minimum}")?;
    maximum.map_or(Ok(()), |maximum| write!(f, "..={maximum}"))
}

/// An import of a [`Module`](crate::Module).
#[derive(Clone, Debug)]
pub struct ImportType<'module> {
    pub(crate) module: &'module str,
    pub(crate) name: &'module str,
    pub(crate) ty: ExternType,
}

impl<'module> ImportType<'module> {
    /// The first of its two names.
    pub fn module(&self) -> &'module str {
        self.module
    }

    /// The second of its two names.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// What it must be.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

/// An export of a [`Module`](crate::Module).
#[derive(Clone, Debug)]
pub struct ExportType<'module> {
    pub(crate) name: &'module str,
    pub(crate) ty: ExternType,
}

impl<'module> ExportType<'module> {
    /// Its name.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// What it is.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

/// Whether a table of type `found`, of `size` elements now, is accepted as `expected`. Both sides
/// read and write it, so the types of its elements must be the same.
pub(crate) fn table_matches(found: &TableType, size: u64, expected: &TableType) -> bool {
    found.element == expected.element
        && found.address == expected.address
        && limits_match(size, found.maximum, expected.minimum, expected.maximum)
}

/// Whether a memory of type `found`, of `size` pages now, is accepted as `expected`.
pub(crate) fn memory_matches(found: &MemoryType, size: u64, expected: &MemoryType) -> bool {
    found.address == expected.address
        && found.shared == expected.shared
        && found.page_size_log2 == expected.page_size_log2
        && limits_match(size, found.maximum, expected.minimum, expected.maximum)
}

/// Whether a global of type `found` is accepted as `expected`. Where both sides write it, types
/// must be the same; equal types have equal numbers.
pub(crate) fn global_matches(engine: &Engine, found: &GlobalType, expected: &GlobalType) -> bool {
    found.mutable == expected.mutable
        && if found.mutable {
            found.content == expected.content
        } else {
            engine.val_type_matches(found.content, expected.content)
        }
}

fn limits_match(size: u64, found_maximum: Option<u64>, minimum: u64, maximum: Option<u64>) -> bool {
    let maximum_fits = match (found_maximum, maximum) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(found), Some(allowed)) => found <= allowed,
    };
    size >= minimum && maximum_fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use threadline_environ::{RefType, ValType};

    fn table(minimum: u64, maximum: Option<u64>) -> TableType {
        TableType {
            element: RefType::FUNCREF,
            address: AddressType::I32,
            minimum,
            maximum,
        }
    }

    #[test]
    fn a_table_that_has_grown_satisfies_a_larger_minimum() {
        let found = table(1, Some(10));
        assert!(table_matches(&found, 5, &table(5, None)));
        assert!(!table_matches(&found, 1, &table(5, None)));
    }

    #[test]
    fn a_maximum_is_required_where_the_import_has_one() {
        assert!(!table_matches(&table(1, None), 1, &table(1, Some(10))));
        assert!(!table_matches(&table(1, Some(11)), 1, &table(1, Some(10))));
        assert!(table_matches(&table(1, Some(9)), 1, &table(1, Some(10))));
    }

    #[test]
    fn types_print_in_wasm_terms() {
        let func = FuncType::new([ValType::I32, ValType::I64], [ValType::F32]);
        assert_eq!(
            ExternType::Func(func).to_string(),
            "func (i32, i64) -> (f32)"
        );
        assert_eq!(
            ExternType::Table(table(1, Some(2))).to_string(),
            "table 1..=2 funcref"
        );
        let memory = MemoryType {
            address: AddressType::I64,
            minimum: 3,
            maximum: None,
            shared: false,
            page_size_log2: 0,
        };
        assert_eq!(
            ExternType::Memory(memory).to_string(),
            "memory i64 3 (pagesize 1)"
        );
        let global = GlobalType {
            content: ValType::F64,
            mutable: true,
        };
        assert_eq!(ExternType::Global(global).to_string(), "global (mut f64)");
    }
}
