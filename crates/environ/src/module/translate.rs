//! The walk over a core module's sections.

use super::rec_group::rec_group;
use super::{
    ConstExpr, DataSegment, ElemItems, ElemSegment, Function, FunctionBody, Import, Module,
    ModuleTranslation, SegmentMode, TypeSpace,
};
use crate::error::{Error, Result};
use crate::index::*;
use crate::section_count;
use crate::signature_table::SignatureTable;
use crate::types::{AddressType, GlobalType, HeapType, MemoryType, RefType, TableType, ValType};
use crate::{Features, Proposal, Translation};
use cranelift_entity::PrimaryMap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use wasmparser::{Parser, Payload, ValidPayload, Validator};

/// Translates a core module binary on its own.
pub(crate) fn translate(bytes: &[u8], features: Features) -> Result<Translation<'_>> {
    let mut signatures = SignatureTable::default();
    let mut validator = Validator::new_with_features(features.wasmparser());
    let mut translator = ModuleTranslator::new(Cow::Borrowed(bytes), 0, &mut signatures);
    let mut parser = Parser::new(0);
    // How limits are encoded depends on the proposals.
    parser.set_features(features.wasmparser());
    for payload in parser.parse_all(bytes) {
        translator.payload(&mut validator, payload?)?;
    }
    let module = translator.finish()?;
    let mut modules = PrimaryMap::new();
    modules.push(module);
    Ok(Translation {
        signatures,
        modules,
        component: None,
        nested: PrimaryMap::new(),
    })
}

/// Translates a module that this crate made (an adapter).
pub(crate) fn translate_module(
    bytes: Vec<u8>,
    features: Features,
    signatures: &mut SignatureTable,
) -> Result<ModuleTranslation<'static>> {
    let mut validator = Validator::new_with_features(features.wasmparser());
    let copy = bytes.clone();
    let mut translator = ModuleTranslator::new(Cow::Owned(bytes), 0, signatures);
    for payload in Parser::new(0).parse_all(&copy) {
        translator.payload(&mut validator, payload?)?;
    }
    let mut module = translator.finish()?;
    module.is_adapter = true;
    Ok(module)
}

/// Collects a module from its payloads. Components feed it the payloads of nested modules.
pub(crate) struct ModuleTranslator<'s, 'data> {
    signatures: &'s mut SignatureTable,
    result: ModuleTranslation<'data>,
    data_bytes: Vec<u8>,
}

impl<'s, 'data> ModuleTranslator<'s, 'data> {
    /// Starts a module whose binary is `bytes`, which lie `base_offset` into the outermost one.
    pub(crate) fn new(
        bytes: Cow<'data, [u8]>,
        base_offset: u64,
        signatures: &'s mut SignatureTable,
    ) -> Self {
        ModuleTranslator {
            signatures,
            result: ModuleTranslation {
                module: Module::default(),
                bytes,
                base_offset,
                bodies: PrimaryMap::new(),
                known_imports: BTreeMap::new(),
                context_distance: None,
                is_adapter: false,
                is_exception_barrier: false,
            },
            data_bytes: Vec::new(),
        }
    }

    /// Validates a payload and takes from it what we keep.
    ///
    /// # Errors
    /// If the payload is invalid or needs what is not built.
    pub(crate) fn payload(
        &mut self,
        validator: &mut Validator,
        payload: Payload<'_>,
    ) -> Result<()> {
        section_count::check(&payload)?;
        if let ValidPayload::Func(mut func, body) = validator.payload(&payload)? {
            func.features = Features::within_bodies(func.features);
            let range = body.range();
            let start = (range.start - self.result.base_offset) as usize;
            let end = (range.end - self.result.base_offset) as usize;
            self.result.bodies.push(FunctionBody {
                validator: func,
                range: start..end,
            });
            return Ok(());
        }
        match payload {
            Payload::TypeSection(section) => self.type_section(section),
            Payload::ImportSection(section) => self.imports(section),
            Payload::FunctionSection(section) => self.functions(section),
            Payload::TableSection(section) => self.tables(section),
            Payload::MemorySection(section) => self.memories(section),
            Payload::GlobalSection(section) => self.globals(section),
            Payload::TagSection(section) => self.tags(section),
            Payload::ExportSection(section) => self.exports(section),
            Payload::StartSection { func, .. } => {
                self.result.module.start = Some(FuncIndex::from_u32(func));
                Ok(())
            }
            Payload::ElementSection(section) => self.elements(section),
            Payload::DataSection(section) => self.data(section),
            Payload::CustomSection(section) => {
                if let wasmparser::KnownCustom::Name(names) = section.as_known() {
                    self.names(names);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The finished module.
    ///
    /// # Errors
    /// If the module passes one of our limits.
    pub(crate) fn finish(mut self) -> Result<ModuleTranslation<'data>> {
        self.result.module.data_bytes = self.data_bytes.into_boxed_slice();
        Ok(self.result)
    }

    fn type_section(&mut self, section: wasmparser::TypeSectionReader<'_>) -> Result<()> {
        for group in section.into_iter_with_offsets() {
            let (offset, group) = group?;
            rec_group(
                self.signatures,
                &mut self.result.module.types,
                group,
                offset,
            )?;
        }
        Ok(())
    }

    fn imports(&mut self, section: wasmparser::ImportSectionReader<'_>) -> Result<()> {
        for import in section.into_imports_with_offsets() {
            let (offset, import) = import?;
            let module = &mut self.result.module;
            let index = match import.ty {
                wasmparser::TypeRef::Func(ty) => {
                    module.num_imported_funcs += 1;
                    let signature = module.types[TypeIndex::from_u32(ty)];
                    EntityIndex::Func(module.functions.push(Function {
                        signature,
                        func_ref: None,
                    }))
                }
                wasmparser::TypeRef::Table(ty) => {
                    module.num_imported_tables += 1;
                    EntityIndex::Table(module.tables.push(table_type(&module.types, &ty, offset)?))
                }
                wasmparser::TypeRef::Memory(ty) => {
                    module.num_imported_memories += 1;
                    EntityIndex::Memory(module.memories.push(memory_type(&ty, offset)?))
                }
                wasmparser::TypeRef::Global(ty) => {
                    module.num_imported_globals += 1;
                    EntityIndex::Global(module.globals.push(global_type(
                        &module.types,
                        ty,
                        offset,
                    )?))
                }
                wasmparser::TypeRef::Tag(ty) => {
                    module.num_imported_tags += 1;
                    let signature = module.types[TypeIndex::from_u32(ty.func_type_idx)];
                    EntityIndex::Tag(module.tags.push(signature))
                }
                wasmparser::TypeRef::FuncExact(_) => {
                    return Err(Error::unsupported(
                        "the custom-descriptors proposal",
                        offset,
                    ));
                }
            };
            module.imports.push(Import {
                module: import.module.to_owned(),
                field: import.name.to_owned(),
                index,
            });
        }
        Ok(())
    }

    fn functions(&mut self, section: wasmparser::FunctionSectionReader<'_>) -> Result<()> {
        for ty in section {
            let module = &mut self.result.module;
            let signature = module.types[TypeIndex::from_u32(ty?)];
            module.functions.push(Function {
                signature,
                func_ref: None,
            });
        }
        Ok(())
    }

    fn tables(&mut self, section: wasmparser::TableSectionReader<'_>) -> Result<()> {
        for table in section.into_iter_with_offsets() {
            let (offset, table) = table?;
            let ty = table_type(self.types(), &table.ty, offset)?;
            let init = match table.init {
                wasmparser::TableInit::RefNull => None,
                wasmparser::TableInit::Expr(expr) => Some(self.const_expr(&expr)?),
            };
            self.result.module.tables.push(ty);
            self.result.module.table_inits.push(init);
        }
        Ok(())
    }

    fn memories(&mut self, section: wasmparser::MemorySectionReader<'_>) -> Result<()> {
        for memory in section.into_iter_with_offsets() {
            let (offset, memory) = memory?;
            let ty = memory_type(&memory, offset)?;
            self.result.module.memories.push(ty);
        }
        Ok(())
    }

    fn globals(&mut self, section: wasmparser::GlobalSectionReader<'_>) -> Result<()> {
        for global in section.into_iter_with_offsets() {
            let (offset, global) = global?;
            let ty = global_type(self.types(), global.ty, offset)?;
            let init = self.const_expr(&global.init_expr)?;
            self.result.module.globals.push(ty);
            self.result.module.global_inits.push(init);
        }
        Ok(())
    }

    fn tags(&mut self, section: wasmparser::TagSectionReader<'_>) -> Result<()> {
        for tag in section {
            let module = &mut self.result.module;
            let signature = module.types[TypeIndex::from_u32(tag?.func_type_idx)];
            module.tags.push(signature);
        }
        Ok(())
    }

    fn exports(&mut self, section: wasmparser::ExportSectionReader<'_>) -> Result<()> {
        for export in section.into_iter_with_offsets() {
            let (offset, export) = export?;
            let index = match export.kind {
                wasmparser::ExternalKind::Func => {
                    let index = FuncIndex::from_u32(export.index);
                    self.refer_to(index);
                    EntityIndex::Func(index)
                }
                wasmparser::ExternalKind::Table => {
                    EntityIndex::Table(TableIndex::from_u32(export.index))
                }
                wasmparser::ExternalKind::Memory => {
                    EntityIndex::Memory(MemoryIndex::from_u32(export.index))
                }
                wasmparser::ExternalKind::Global => {
                    EntityIndex::Global(GlobalIndex::from_u32(export.index))
                }
                wasmparser::ExternalKind::Tag => EntityIndex::Tag(TagIndex::from_u32(export.index)),
                wasmparser::ExternalKind::FuncExact => {
                    return Err(Error::unsupported(
                        "the custom-descriptors proposal",
                        offset,
                    ));
                }
            };
            let exports = &mut self.result.module.exports;
            exports.push((export.name.to_owned(), index));
        }
        self.result.module.index_exports();
        Ok(())
    }

    fn elements(&mut self, section: wasmparser::ElementSectionReader<'_>) -> Result<()> {
        for segment in section.into_iter_with_offsets() {
            let (offset, segment) = segment?;
            let mode = match segment.kind {
                wasmparser::ElementKind::Active {
                    table_index,
                    offset_expr,
                } => SegmentMode::Active {
                    target: TableIndex::from_u32(table_index.unwrap_or(0)),
                    offset: self.const_expr(&offset_expr)?,
                },
                wasmparser::ElementKind::Passive => SegmentMode::Passive,
                wasmparser::ElementKind::Declared => SegmentMode::Declared,
            };
            let (ty, items) = match segment.items {
                wasmparser::ElementItems::Functions(funcs) => {
                    let mut items = Vec::new();
                    for func in funcs {
                        let func = FuncIndex::from_u32(func?);
                        self.refer_to(func);
                        items.push(func);
                    }
                    (RefType::FUNCREF, ElemItems::Funcs(items.into()))
                }
                wasmparser::ElementItems::Expressions(ty, exprs) => {
                    let mut items = Vec::new();
                    for expr in exprs {
                        items.push(self.const_expr(&expr?)?);
                    }
                    (
                        ref_type(self.types(), ty, offset)?,
                        ElemItems::Exprs(items.into()),
                    )
                }
            };
            let module = &mut self.result.module;
            module.elems.push(ElemSegment { mode, ty, items });
        }
        Ok(())
    }

    fn data(&mut self, section: wasmparser::DataSectionReader<'_>) -> Result<()> {
        for segment in section {
            let segment = segment?;
            let mode = match segment.kind {
                wasmparser::DataKind::Active {
                    memory_index,
                    offset_expr,
                } => SegmentMode::Active {
                    target: MemoryIndex::from_u32(memory_index),
                    offset: self.const_expr(&offset_expr)?,
                },
                wasmparser::DataKind::Passive => SegmentMode::Passive,
            };
            let start = self.data_bytes.len() as u32;
            self.data_bytes.extend_from_slice(segment.data);
            let range = start..self.data_bytes.len() as u32;
            self.result.module.data.push(DataSegment { mode, range });
        }
        Ok(())
    }

    /// Names help people; a broken name section is ignored, as the core specification asks.
    fn names(&mut self, names: wasmparser::NameSectionReader<'_>) {
        for subsection in names {
            match subsection {
                Ok(wasmparser::Name::Module { name, .. }) => {
                    self.result.module.name = Some(name.to_owned());
                }
                Ok(wasmparser::Name::Function(map)) => {
                    for naming in map.into_iter().map_while(std::result::Result::ok) {
                        // Nobody has validated the index, which can be any number.
                        if (naming.index as usize) < self.result.module.functions.len() {
                            let index = FuncIndex::from_u32(naming.index);
                            self.result.module.func_names[index] = Some(naming.name.into());
                        }
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    /// Reads a constant expression; functions it refers to get a `VMFuncRef`.
    fn const_expr(&mut self, expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr> {
        let expr = ConstExpr::parse(expr, self.types())?;
        for op in expr.ops() {
            if let super::ConstOp::RefFunc(func) = *op {
                self.refer_to(func);
            }
        }
        Ok(expr)
    }

    /// The types declared so far.
    fn types(&self) -> &TypeSpace {
        &self.result.module.types
    }

    fn refer_to(&mut self, func: FuncIndex) {
        let module = &mut self.result.module;
        let function = &mut module.functions[func];
        if function.func_ref.is_none() {
            function.func_ref = Some(FuncRefIndex::from_u32(module.num_func_refs));
            module.num_func_refs += 1;
        }
    }
}

/// Converts a value type.
///
/// # Errors
/// If it belongs to a proposal that is not built.
/// What function types are called by number.
pub(crate) trait Numbering {
    /// The number of a type that is mentioned.
    fn number(&self, index: wasmparser::UnpackedIndex) -> Option<SignatureIndex>;
}

impl Numbering for TypeSpace {
    fn number(&self, index: wasmparser::UnpackedIndex) -> Option<SignatureIndex> {
        let wasmparser::UnpackedIndex::Module(index) = index else {
            return None;
        };
        self.get(TypeIndex::from_u32(index)).copied()
    }
}

pub(crate) fn val_type(
    types: &impl Numbering,
    ty: wasmparser::ValType,
    offset: u64,
) -> Result<ValType> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(types, ty, offset)?),
    })
}

fn ref_type(types: &impl Numbering, ty: wasmparser::RefType, offset: u64) -> Result<RefType> {
    Ok(RefType {
        nullable: ty.is_nullable(),
        heap_type: heap_type(types, ty.heap_type(), offset)?,
    })
}

/// Converts a heap type.
///
/// # Errors
/// If it belongs to a proposal that is not built.
pub(super) fn heap_type(
    types: &impl Numbering,
    ty: wasmparser::HeapType,
    offset: u64,
) -> Result<HeapType> {
    use wasmparser::AbstractHeapType;
    match ty {
        wasmparser::HeapType::FUNC => Ok(HeapType::Func),
        wasmparser::HeapType::EXTERN => Ok(HeapType::Extern),
        wasmparser::HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Exn,
        } => Ok(HeapType::Exn),
        wasmparser::HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::NoExn,
        } => Ok(HeapType::NoExn),
        wasmparser::HeapType::Concrete(index) => {
            let signature = types.number(index);
            let signature = signature.ok_or_else(|| Error::invalid("unknown type", offset))?;
            Ok(HeapType::Concrete(signature))
        }
        // Of the others, only those of this proposal are valid.
        _ => Err(Error::unbuilt(Proposal::Gc, offset)),
    }
}

pub(crate) fn table_type(
    types: &impl Numbering,
    ty: &wasmparser::TableType,
    offset: u64,
) -> Result<TableType> {
    if ty.shared {
        return Err(Error::unsupported(
            "the shared-everything-threads proposal",
            offset,
        ));
    }
    Ok(TableType {
        element: ref_type(types, ty.element_type, offset)?,
        address: address_type(ty.table64),
        minimum: ty.initial,
        maximum: ty.maximum,
    })
}

pub(crate) fn memory_type(ty: &wasmparser::MemoryType, offset: u64) -> Result<MemoryType> {
    Ok(MemoryType {
        address: address_type(ty.memory64),
        minimum: ty.initial,
        maximum: ty.maximum,
        shared: ty.shared,
        // The validator knows two sizes of pages: 1 and 64 KiB.
        page_size_log2: ty
            .page_size_log2
            .map_or(Ok(16), u8::try_from)
            .map_err(|_| Error::unsupported("pages of such a size", offset))?,
    })
}

fn address_type(is_64: bool) -> AddressType {
    if is_64 {
        AddressType::I64
    } else {
        AddressType::I32
    }
}

pub(crate) fn global_type(
    types: &impl Numbering,
    ty: wasmparser::GlobalType,
    offset: u64,
) -> Result<GlobalType> {
    if ty.shared {
        return Err(Error::unsupported(
            "the shared-everything-threads proposal",
            offset,
        ));
    }
    Ok(GlobalType {
        content: val_type(types, ty.content_type, offset)?,
        mutable: ty.mutable,
    })
}
