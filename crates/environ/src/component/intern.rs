//! Component types from `wasmparser`'s to ours, each once.
//!
//! `wasmparser`'s types are those of a component's definition. Each instance of it makes resource
//! types of its own and is given others, so a type is converted for an instance, whose
//! [`ResourceScope`] says what each resource type is.

use super::Name;
use super::types::*;
use crate::canonical_abi;
use crate::error::{Error, Result};
use crate::index::*;
use cranelift_entity::{EntityRef, PrimaryMap};
use std::collections::BTreeMap;
use wasmparser::PrimitiveValType;
use wasmparser::component_types as wt;
use wasmparser::types::TypesRef;

/// Type constructors inside each other at most; the validator sees to it.
const MAX_DEPTH: u32 = 100;

/// What the types in the definition of a component mean in one instance of it.
#[derive(Default)]
pub(super) struct ResourceScope {
    resources: BTreeMap<wt::ResourceId, ResourceIndex>,
    /// What has been converted.
    defined: BTreeMap<wt::ComponentDefinedTypeId, InterfaceType>,
    funcs: BTreeMap<wt::ComponentFuncTypeId, ComponentFuncTypeIndex>,
}

impl ResourceScope {
    /// Says what a resource type is, unless that has been said.
    pub(super) fn bind(&mut self, id: wt::ResourceId, resource: ResourceIndex) {
        self.resources.entry(id).or_insert(resource);
    }

    /// What a resource type is.
    pub(super) fn resource(&self, id: wt::ResourceId) -> Option<ResourceIndex> {
        self.resources.get(&id).copied()
    }
}

/// Collects [`ComponentTypes`].
#[derive(Default)]
pub(super) struct TypeInterner {
    types: ComponentTypes,
    funcs: BTreeMap<ComponentFuncType, ComponentFuncTypeIndex>,
    lists: BTreeMap<ListType, ListTypeIndex>,
    fixed_length_lists: BTreeMap<(InterfaceType, u32), FixedLengthListTypeIndex>,
    maps: BTreeMap<(InterfaceType, InterfaceType), MapTypeIndex>,
    records: BTreeMap<Vec<(Name, InterfaceType)>, RecordTypeIndex>,
    tuples: BTreeMap<Vec<InterfaceType>, TupleTypeIndex>,
    variants: BTreeMap<Vec<(Name, Option<InterfaceType>)>, VariantTypeIndex>,
    enums: BTreeMap<EnumType, EnumTypeIndex>,
    options: BTreeMap<InterfaceType, OptionTypeIndex>,
    results: BTreeMap<[Option<InterfaceType>; 2], ResultTypeIndex>,
    flags: BTreeMap<FlagsType, FlagsTypeIndex>,
    futures: BTreeMap<FutureType, FutureTypeIndex>,
    streams: BTreeMap<StreamType, StreamTypeIndex>,
    /// Types converted so far, for who bounds the work.
    pub(super) converted: usize,
}

/// The index of a type: the one it has, or a new one.
fn intern<K, I, T>(
    known: &mut BTreeMap<K, I>,
    types: &mut PrimaryMap<I, T>,
    key: K,
    make: impl FnOnce(&K) -> T,
) -> I
where
    K: Ord,
    I: EntityRef,
{
    *known
        .entry(key)
        .or_insert_with_key(|key| types.push(make(key)))
}

impl TypeInterner {
    /// What has been collected so far.
    pub(super) fn types(&self) -> &ComponentTypes {
        &self.types
    }

    /// What has been collected.
    pub(super) fn finish(self) -> ComponentTypes {
        self.types
    }

    /// Converts a function type.
    ///
    /// # Errors
    /// If it needs what is not built, or is too large.
    pub(super) fn func(
        &mut self,
        types: TypesRef<'_>,
        scope: &mut ResourceScope,
        id: wt::ComponentFuncTypeId,
    ) -> Result<ComponentFuncTypeIndex> {
        if let Some(&index) = scope.funcs.get(&id) {
            return Ok(index);
        }
        let func = &types[id];
        self.converted += 1 + func.params.len();
        let mut params = Vec::with_capacity(func.params.len());
        for (name, ty) in &func.params {
            params.push((name.as_str().to_owned(), self.val(types, scope, *ty)?));
        }
        let result = match func.result {
            Some(ty) => Some(self.val(types, scope, ty)?),
            None => None,
        };
        let index = self.intern_func(ComponentFuncType {
            params,
            result,
            async_: func.async_,
        })?;
        scope.funcs.insert(id, index);
        Ok(index)
    }

    /// The type of a function made here, `(param "rep" u32)`: a destructor's.
    ///
    /// # Errors
    /// None, as it is small.
    pub(super) fn dtor(&mut self) -> Result<ComponentFuncTypeIndex> {
        let func = ComponentFuncType {
            params: vec![("rep".to_owned(), InterfaceType::U32)],
            result: None,
            async_: false,
        };
        self.intern_func(func)
    }

    fn intern_func(&mut self, func: ComponentFuncType) -> Result<ComponentFuncTypeIndex> {
        let params = func.params.iter().map(|&(_, ty)| ty).collect();
        let tuples = FuncTuples {
            params: self.tuple(params)?,
            results: self.tuple(func.result.into_iter().collect())?,
        };
        let index = intern(&mut self.funcs, &mut self.types.funcs, func, Clone::clone);
        if self.types.func_tuples.get(index).is_none() {
            self.types.func_tuples.push(tuples);
        }
        Ok(index)
    }

    /// Converts the type of a value.
    ///
    /// # Errors
    /// If it is too large, or nested too deep.
    pub(super) fn val(
        &mut self,
        types: TypesRef<'_>,
        scope: &mut ResourceScope,
        ty: wt::ComponentValType,
    ) -> Result<InterfaceType> {
        Conversion {
            interner: self,
            types,
            scope,
            depth: 0,
        }
        .val(ty)
    }

    /// Converts a defined type; see [`Self::val`].
    ///
    /// # Errors
    /// As [`Self::val`].
    pub(super) fn defined(
        &mut self,
        types: TypesRef<'_>,
        scope: &mut ResourceScope,
        id: wt::ComponentDefinedTypeId,
    ) -> Result<InterfaceType> {
        self.val(types, scope, wt::ComponentValType::Type(id))
    }

    fn record(&mut self, fields: Vec<(Name, InterfaceType)>) -> Result<InterfaceType> {
        let types = fields.iter().map(|&(_, ty)| ty);
        let layout = canonical_abi::field_layout(&self.types, types)?;
        let make = |fields: &Vec<_>| RecordType {
            fields: fields.clone(),
            layout,
        };
        let index = intern(&mut self.records, &mut self.types.records, fields, make);
        Ok(InterfaceType::Record(index))
    }

    fn tuple(&mut self, elements: Vec<InterfaceType>) -> Result<TupleTypeIndex> {
        let layout = canonical_abi::field_layout(&self.types, elements.iter().copied())?;
        let make = |types: &Vec<_>| TupleType {
            types: types.clone(),
            layout,
        };
        let index = intern(&mut self.tuples, &mut self.types.tuples, elements, make);
        Ok(index)
    }

    fn variant(&mut self, cases: Vec<(Name, Option<InterfaceType>)>) -> Result<InterfaceType> {
        let payloads = cases.iter().map(|&(_, ty)| ty);
        let layout = canonical_abi::variant_layout(&self.types, payloads)?;
        let make = |cases: &Vec<_>| VariantType {
            cases: cases.clone(),
            layout,
        };
        let index = intern(&mut self.variants, &mut self.types.variants, cases, make);
        Ok(InterfaceType::Variant(index))
    }

    fn option(&mut self, some: InterfaceType) -> Result<InterfaceType> {
        let payloads = [None, Some(some)].into_iter();
        let layout = canonical_abi::variant_layout(&self.types, payloads)?;
        let make = |&some: &InterfaceType| OptionType { some, layout };
        let index = intern(&mut self.options, &mut self.types.options, some, make);
        Ok(InterfaceType::Option(index))
    }

    fn result(&mut self, cases: [Option<InterfaceType>; 2]) -> Result<InterfaceType> {
        let layout = canonical_abi::variant_layout(&self.types, cases.into_iter())?;
        let make = |&[ok, err]: &[Option<InterfaceType>; 2]| ResultType { ok, err, layout };
        let index = intern(&mut self.results, &mut self.types.results, cases, make);
        Ok(InterfaceType::Result(index))
    }

    fn fixed_length_list(&mut self, element: InterfaceType, length: u32) -> Result<InterfaceType> {
        let abi = canonical_abi::fixed_length_list_abi(&self.types, element, length)?;
        let make = |&(element, length): &(_, _)| FixedLengthListType {
            element,
            length,
            abi,
        };
        let lists = &mut self.types.fixed_length_lists;
        let index = intern(&mut self.fixed_length_lists, lists, (element, length), make);
        Ok(InterfaceType::FixedLengthList(index))
    }

    fn map(&mut self, key: InterfaceType, value: InterfaceType) -> Result<InterfaceType> {
        let entry = self.tuple(vec![key, value])?;
        let make = |&(key, value): &(_, _)| MapType { key, value, entry };
        let index = intern(&mut self.maps, &mut self.types.maps, (key, value), make);
        Ok(InterfaceType::Map(index))
    }

    fn list(&mut self, element: InterfaceType) -> InterfaceType {
        let ty = ListType { element };
        let index = intern(&mut self.lists, &mut self.types.lists, ty, Clone::clone);
        InterfaceType::List(index)
    }

    fn flags(&mut self, labels: Vec<Name>) -> InterfaceType {
        let ty = FlagsType { labels };
        let index = intern(&mut self.flags, &mut self.types.flags, ty, Clone::clone);
        InterfaceType::Flags(index)
    }

    fn enumeration(&mut self, cases: Vec<Name>) -> InterfaceType {
        let ty = EnumType { cases };
        let index = intern(&mut self.enums, &mut self.types.enums, ty, Clone::clone);
        InterfaceType::Enum(index)
    }

    fn future(&mut self, payload: Option<InterfaceType>) -> InterfaceType {
        let ty = FutureType { payload };
        let index = intern(&mut self.futures, &mut self.types.futures, ty, Clone::clone);
        InterfaceType::Future(index)
    }

    fn stream(&mut self, payload: Option<InterfaceType>) -> InterfaceType {
        let ty = StreamType { payload };
        let index = intern(&mut self.streams, &mut self.types.streams, ty, Clone::clone);
        InterfaceType::Stream(index)
    }
}

/// A type on the way.
struct Conversion<'a> {
    interner: &'a mut TypeInterner,
    types: TypesRef<'a>,
    scope: &'a mut ResourceScope,
    depth: u32,
}

impl<'a> Conversion<'a> {
    fn val(&mut self, ty: wt::ComponentValType) -> Result<InterfaceType> {
        let id = match ty {
            wt::ComponentValType::Primitive(ty) => return Ok(primitive(ty)),
            wt::ComponentValType::Type(id) => id,
        };
        if let Some(&known) = self.scope.defined.get(&id) {
            return Ok(known);
        }
        if self.depth >= MAX_DEPTH {
            return Err(Error::TooLarge {
                message: format!("types are nested more than {MAX_DEPTH} deep"),
            });
        }
        self.depth += 1;
        let types = self.types;
        let ty = self.defined(&types[id])?;
        self.depth -= 1;
        self.scope.defined.insert(id, ty);
        Ok(ty)
    }

    fn optional(&mut self, ty: Option<wt::ComponentValType>) -> Result<Option<InterfaceType>> {
        ty.map(|ty| self.val(ty)).transpose()
    }

    fn resource(&self, id: wt::AliasableResourceId) -> Result<ResourceIndex> {
        let resource = self.scope.resource(id.resource());
        resource.ok_or_else(super::flatten::inconsistent)
    }

    fn defined(&mut self, ty: &wt::ComponentDefinedType) -> Result<InterfaceType> {
        self.interner.converted += 1;
        match ty {
            wt::ComponentDefinedType::Primitive(ty) => Ok(primitive(*ty)),
            wt::ComponentDefinedType::List { element, .. } => {
                let element = self.val(*element)?;
                Ok(self.interner.list(element))
            }
            wt::ComponentDefinedType::FixedLengthList {
                element, length, ..
            } => {
                let element = self.val(*element)?;
                self.interner.fixed_length_list(element, *length)
            }
            wt::ComponentDefinedType::Map { key, value, .. } => {
                let (key, value) = (self.val(*key)?, self.val(*value)?);
                self.interner.map(key, value)
            }
            wt::ComponentDefinedType::Flags(labels) => self.flags(labels.iter().map(owned)),
            wt::ComponentDefinedType::Enum(cases) => {
                self.interner.converted += cases.len();
                Ok(self.interner.enumeration(cases.iter().map(owned).collect()))
            }
            wt::ComponentDefinedType::Record(ty) => self.record(ty),
            wt::ComponentDefinedType::Variant(ty) => self.variant(ty),
            wt::ComponentDefinedType::Tuple(ty) => {
                self.interner.converted += ty.types.len();
                let types = ty.types.iter().map(|ty| self.val(*ty));
                let types = types.collect::<Result<_>>()?;
                Ok(InterfaceType::Tuple(self.interner.tuple(types)?))
            }
            wt::ComponentDefinedType::Option { ty, .. } => {
                let some = self.val(*ty)?;
                self.interner.option(some)
            }
            wt::ComponentDefinedType::Result { ok, err, .. } => {
                let cases = [self.optional(*ok)?, self.optional(*err)?];
                self.interner.result(cases)
            }
            wt::ComponentDefinedType::Own(id) => Ok(InterfaceType::Own(self.resource(*id)?)),
            wt::ComponentDefinedType::Borrow(id) => Ok(InterfaceType::Borrow(self.resource(*id)?)),
            wt::ComponentDefinedType::Future { ty, .. } => {
                let payload = self.optional(*ty)?;
                Ok(self.interner.future(payload))
            }
            wt::ComponentDefinedType::Stream { ty, .. } => {
                let payload = self.optional(*ty)?;
                Ok(self.interner.stream(payload))
            }
        }
    }

    fn record(&mut self, ty: &wt::RecordType) -> Result<InterfaceType> {
        self.interner.converted += ty.fields.len();
        let fields = ty.fields.iter();
        let fields = fields.map(|(name, ty)| Ok((owned(name), self.val(*ty)?)));
        let fields = fields.collect::<Result<_>>()?;
        self.interner.record(fields)
    }

    fn variant(&mut self, ty: &wt::VariantType) -> Result<InterfaceType> {
        self.interner.converted += ty.cases.len();
        let cases = ty.cases.iter();
        let cases = cases.map(|(name, case)| Ok((owned(name), self.optional(case.ty)?)));
        let cases = cases.collect::<Result<_>>()?;
        self.interner.variant(cases)
    }

    fn flags(&mut self, labels: impl Iterator<Item = Name>) -> Result<InterfaceType> {
        let labels: Vec<_> = labels.collect();
        self.interner.converted += labels.len();
        if labels.len() > 32 {
            return Err(Error::TooLarge {
                message: "a `flags` type has more than 32 labels".to_owned(),
            });
        }
        Ok(self.interner.flags(labels))
    }
}

fn owned(name: &wasmparser::names::KebabString) -> Name {
    name.as_str().into()
}

fn primitive(ty: PrimitiveValType) -> InterfaceType {
    match ty {
        PrimitiveValType::Bool => InterfaceType::Bool,
        PrimitiveValType::S8 => InterfaceType::S8,
        PrimitiveValType::U8 => InterfaceType::U8,
        PrimitiveValType::S16 => InterfaceType::S16,
        PrimitiveValType::U16 => InterfaceType::U16,
        PrimitiveValType::S32 => InterfaceType::S32,
        PrimitiveValType::U32 => InterfaceType::U32,
        PrimitiveValType::S64 => InterfaceType::S64,
        PrimitiveValType::U64 => InterfaceType::U64,
        PrimitiveValType::F32 => InterfaceType::F32,
        PrimitiveValType::F64 => InterfaceType::F64,
        PrimitiveValType::Char => InterfaceType::Char,
        PrimitiveValType::String => InterfaceType::String,
        PrimitiveValType::ErrorContext => InterfaceType::ErrorContext,
    }
}
