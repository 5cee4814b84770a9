//! The built-ins of the component model's concurrency, in the canonical section.

use super::super::concurrency::{CopyOp, EndOp, ErrorContextOp, PlainBuiltin, SetOp};
use super::super::definition::{BuiltinDef, Item, OptionsDef};
use super::super::translate::Walk;
use super::canon::{self, builtin_name, refused};
use crate::SlotType;
use crate::error::{Error, Result};
use wasmparser::component_types as wt;
use wasmparser::{CanonicalFunction, CanonicalOption, ComponentValType, ValType};

/// Reads a built-in.
///
/// # Errors
/// If it is none of these, which is refused by its name.
pub(super) fn read(walk: &mut Walk<'_>, canon: &CanonicalFunction, offset: u64) -> Result<()> {
    let Some(builtin) = Reader { walk, offset }.builtin(canon)? else {
        return Err(refused(builtin_name(canon), offset));
    };
    walk.component().may_block |= builtin.needs_tasks();
    walk.define(Item::Concurrency(builtin));
    Ok(())
}

struct Reader<'w, 'data> {
    walk: &'w mut Walk<'data>,
    offset: u64,
}

impl Reader<'_, '_> {
    fn builtin(&mut self, canon: &CanonicalFunction) -> Result<Option<BuiltinDef>> {
        use CanonicalFunction as C;
        Ok(Some(match *canon {
            C::TaskReturn {
                result,
                ref options,
            } => BuiltinDef::TaskReturn {
                result: result.map(|ty| self.val_type(ty)).transpose()?,
                options: self.options(options)?,
            },
            C::WaitableSetWait { memory } => BuiltinDef::WaitableSet {
                op: SetOp::Wait,
                memory,
            },
            C::WaitableSetPoll { memory } => BuiltinDef::WaitableSet {
                op: SetOp::Poll,
                memory,
            },
            C::StreamRead { ty, ref options } | C::FutureRead { ty, ref options } => {
                self.copy(CopyOp::Read, ty, options)?
            }
            C::StreamWrite { ty, ref options } | C::FutureWrite { ty, ref options } => {
                self.copy(CopyOp::Write, ty, options)?
            }
            C::ErrorContextNew { ref options } => BuiltinDef::ErrorContext {
                op: ErrorContextOp::New,
                options: self.options(options)?,
            },
            C::ErrorContextDebugMessage { ref options } => BuiltinDef::ErrorContext {
                op: ErrorContextOp::DebugMessage,
                options: self.options(options)?,
            },
            C::ThreadNewIndirect {
                func_ty_index,
                table_index,
            } => BuiltinDef::ThreadNewIndirect {
                table: table_index,
                closure: self.closure(func_ty_index)?,
            },
            _ => match (plain(canon), end(canon)) {
                (Some(builtin), _) => BuiltinDef::Plain(builtin),
                (None, Some((op, ty))) => BuiltinDef::End {
                    op,
                    ty: self.defined(ty)?,
                },
                (None, None) => return Ok(None),
            },
        }))
    }

    fn copy(&mut self, op: CopyOp, ty: u32, options: &[CanonicalOption]) -> Result<BuiltinDef> {
        Ok(BuiltinDef::Copy {
            op,
            ty: self.defined(ty)?,
            options: self.options(options)?,
        })
    }

    fn options(&mut self, list: &[CanonicalOption]) -> Result<OptionsDef> {
        canon::options(self.walk, list, self.offset)
    }

    /// A type of values that has an index.
    fn defined(&self, index: u32) -> Result<wt::ComponentDefinedTypeId> {
        let types = self.walk.wasm_types(self.offset)?;
        match types.component_any_type_at(index) {
            wt::ComponentAnyTypeId::Defined(id) => Ok(id),
            _ => Err(Error::invalid("this is not a type of values", self.offset)),
        }
    }

    fn val_type(&self, ty: ComponentValType) -> Result<wt::ComponentValType> {
        Ok(match ty {
            ComponentValType::Primitive(ty) => wt::ComponentValType::Primitive(ty),
            ComponentValType::Type(index) => wt::ComponentValType::Type(self.defined(index)?),
        })
    }

    /// The parameter of a thread's start function.
    fn closure(&self, func_type: u32) -> Result<SlotType> {
        let types = self.walk.wasm_types(self.offset)?;
        let params = match types.core_type_at_in_component(func_type) {
            wt::ComponentCoreTypeId::Sub(id) => match &types[id].composite_type.inner {
                wasmparser::CompositeInnerType::Func(func) => func.params(),
                _ => &[],
            },
            wt::ComponentCoreTypeId::Module(_) => &[],
        };
        match params {
            [ValType::I32] => Ok(SlotType::I32),
            [ValType::I64] => Ok(SlotType::I64),
            _ => Err(Error::invalid(
                "a thread's start function has one parameter, an i32 or i64",
                self.offset,
            )),
        }
    }
}

/// A built-in that knows no more than its instance.
fn plain(canon: &CanonicalFunction) -> Option<PlainBuiltin> {
    use CanonicalFunction as C;
    Some(match *canon {
        C::TaskCancel => PlainBuiltin::TaskCancel,
        C::BackpressureInc => PlainBuiltin::BackpressureInc,
        C::BackpressureDec => PlainBuiltin::BackpressureDec,
        C::SubtaskCancel { async_ } => PlainBuiltin::SubtaskCancel { async_ },
        C::SubtaskDrop => PlainBuiltin::SubtaskDrop,
        C::WaitableSetNew => PlainBuiltin::WaitableSetNew,
        C::WaitableSetDrop => PlainBuiltin::WaitableSetDrop,
        C::WaitableJoin => PlainBuiltin::WaitableJoin,
        C::ErrorContextDrop => PlainBuiltin::ErrorContextDrop,
        C::ThreadIndex => PlainBuiltin::ThreadIndex,
        C::ThreadResumeLater => PlainBuiltin::ThreadResumeLater,
        C::ThreadSuspend => PlainBuiltin::ThreadSuspend,
        C::ThreadYield => PlainBuiltin::ThreadYield,
        C::ThreadSuspendThenResume => PlainBuiltin::ThreadSuspendThenResume,
        C::ThreadYieldThenResume => PlainBuiltin::ThreadYieldThenResume,
        C::ThreadSuspendThenPromote => PlainBuiltin::ThreadSuspendThenPromote,
        C::ThreadYieldThenPromote => PlainBuiltin::ThreadYieldThenPromote,
        _ => return None,
    })
}

/// A built-in on ends, and the index of their type, whose definition says whether they are a
/// stream's or a future's.
fn end(canon: &CanonicalFunction) -> Option<(EndOp, u32)> {
    use CanonicalFunction as C;
    Some(match *canon {
        C::StreamNew { ty } | C::FutureNew { ty } => (EndOp::New, ty),
        C::StreamForward { ty } | C::FutureForward { ty } => (EndOp::Forward, ty),
        C::StreamCancelRead { ty, async_ } | C::FutureCancelRead { ty, async_ } => {
            (EndOp::CancelRead { async_ }, ty)
        }
        C::StreamCancelWrite { ty, async_ } | C::FutureCancelWrite { ty, async_ } => {
            (EndOp::CancelWrite { async_ }, ty)
        }
        C::StreamDropReadable { ty } | C::FutureDropReadable { ty } => (EndOp::DropReadable, ty),
        C::StreamDropWritable { ty } | C::FutureDropWritable { ty } => (EndOp::DropWritable, ty),
        _ => return None,
    })
}
