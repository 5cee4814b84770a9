//! The canonical ABI, written from its specification and from nothing else: slow, plain, and
//! sharing no code with what it is compared with.
//!
//! Values are lifted from the core values and the memory of a guest, and lowered to them.

use super::types::{Ty, Value, f32_value, f64_value};

/// The type of pointers in a memory.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Pointer {
    I32,
    I64,
}

/// How a guest has strings.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16,
    Latin1Utf16,
}

/// The type of a core value.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Core {
    I32,
    I64,
    F32,
    F64,
}

/// A guest's canonical options.
#[derive(Copy, Clone, Debug)]
pub struct Abi {
    pub pointer: Pointer,
    pub encoding: Encoding,
}

/// The specification says to trap.
#[derive(Debug, PartialEq, Eq)]
pub struct Trapped;

type Lifted<T> = Result<T, Trapped>;

fn trap_if(condition: bool) -> Lifted<()> {
    if condition { Err(Trapped) } else { Ok(()) }
}

/// Bytes of a string or list at most.
const MAX_BYTES: u128 = (1 << 28) - 1;

fn align_to(address: u64, align: u64) -> u64 {
    address.div_ceil(align) * align
}

impl Pointer {
    pub fn size(self) -> u64 {
        match self {
            Pointer::I32 => 4,
            Pointer::I64 => 8,
        }
    }

    pub fn core(self) -> Core {
        match self {
            Pointer::I32 => Core::I32,
            Pointer::I64 => Core::I64,
        }
    }
}

/// Bytes of the discriminant of so many cases.
fn discriminant_size(cases: usize) -> u64 {
    let bits = (cases as f64).log2();
    match (bits / 8.0).ceil() as u64 {
        0 | 1 => 1,
        2 => 2,
        _ => 4,
    }
}

fn flags_size(labels: usize) -> u64 {
    match labels {
        ..=8 => 1,
        9..=16 => 2,
        _ => 4,
    }
}

/// What memory has at an address, as far as it is in bounds.
fn range(memory: &[u8], address: u64, length: u128) -> Lifted<&[u8]> {
    let end = u128::from(address) + length;
    trap_if(end > memory.len() as u128)?;
    Ok(&memory[address as usize..end as usize])
}

fn load_int(memory: &[u8], address: u64, size: u64) -> u64 {
    let bytes = &memory[address as usize..(address + size) as usize];
    bytes
        .iter()
        .rev()
        .fold(0, |int, &byte| int << 8 | u64::from(byte))
}

/// Keeps the bits that an integer type has.
fn int(ty: &Ty, bits: u64) -> Option<Value> {
    let (min, max) = ty.int_range()?;
    let count = max - min + 1;
    let unsigned = i128::from(bits) % count;
    Some(Value::Int(if unsigned > max {
        unsigned - count
    } else {
        unsigned
    }))
}

fn to_char(code: u64) -> Lifted<Value> {
    trap_if(code >= 0x11_0000)?;
    trap_if((0xD800..=0xDFFF).contains(&code))?;
    Ok(Value::Char(char::from_u32(code as u32).ok_or(Trapped)?))
}

fn to_flags(count: usize, bits: u64) -> Value {
    Value::Flags((bits as u32) & (u32::MAX >> (32 - count)))
}

/// Sizes and flattening.
impl Abi {
    pub fn alignment(self, ty: &Ty) -> u64 {
        if let Some(cases) = ty.cases() {
            let payloads = cases.iter().flatten().map(|ty| self.alignment(ty));
            return payloads.fold(discriminant_size(cases.len()), u64::max);
        }
        if let Some(fields) = ty.fields() {
            return fields.iter().map(|ty| self.alignment(ty)).fold(1, u64::max);
        }
        match ty {
            Ty::FixedLengthList(element, _) => self.alignment(element),
            Ty::String | Ty::List(_) | Ty::Map(..) => self.pointer.size(),
            scalar => self.size(scalar),
        }
    }

    pub fn size(self, ty: &Ty) -> u64 {
        if let Some(cases) = ty.cases() {
            let payloads = || cases.iter().flatten();
            let align = payloads().map(|ty| self.alignment(ty)).fold(1, u64::max);
            let start = align_to(discriminant_size(cases.len()), align);
            let largest = payloads().map(|ty| self.size(ty)).fold(0, u64::max);
            return align_to(start + largest, self.alignment(ty));
        }
        if let Some(fields) = ty.fields() {
            let mut end = 0;
            for field in fields {
                end = align_to(end, self.alignment(field)) + self.size(field);
            }
            return align_to(end, self.alignment(ty));
        }
        match ty {
            Ty::Bool | Ty::S8 | Ty::U8 => 1,
            Ty::S16 | Ty::U16 => 2,
            Ty::S32 | Ty::U32 | Ty::F32 | Ty::Char => 4,
            Ty::S64 | Ty::U64 | Ty::F64 => 8,
            Ty::String | Ty::List(_) | Ty::Map(..) => 2 * self.pointer.size(),
            Ty::FixedLengthList(element, length) => self.size(element) * *length as u64,
            Ty::Flags(count) => flags_size(*count),
            other => unreachable!("{other:?} has been dealt with"),
        }
    }

    pub fn flatten(self, ty: &Ty) -> Vec<Core> {
        if let Some(cases) = ty.cases() {
            let mut joined: Vec<Core> = Vec::new();
            for payload in cases.into_iter().flatten() {
                for (i, part) in self.flatten(payload).into_iter().enumerate() {
                    match joined.get_mut(i) {
                        Some(known) => *known = join(*known, part),
                        None => joined.push(part),
                    }
                }
            }
            joined.insert(0, Core::I32);
            return joined;
        }
        if let Some(fields) = ty.fields() {
            return fields.into_iter().flat_map(|ty| self.flatten(ty)).collect();
        }
        match ty {
            Ty::S64 | Ty::U64 => vec![Core::I64],
            Ty::F32 => vec![Core::F32],
            Ty::F64 => vec![Core::F64],
            Ty::String | Ty::List(_) | Ty::Map(..) => vec![self.pointer.core(); 2],
            Ty::FixedLengthList(element, length) => {
                (0..*length).flat_map(|_| self.flatten(element)).collect()
            }
            _ => vec![Core::I32],
        }
    }
}

fn join(a: Core, b: Core) -> Core {
    match (a, b) {
        (a, b) if a == b => a,
        (Core::I32, Core::F32) | (Core::F32, Core::I32) => Core::I32,
        _ => Core::I64,
    }
}

/// Lifting.
impl Abi {
    /// Lifts a value from memory, where it has been checked to be.
    fn load(self, memory: &[u8], address: u64, ty: &Ty) -> Lifted<Value> {
        if let Some(cases) = ty.cases() {
            let size = discriminant_size(cases.len());
            let case = load_int(memory, address, size);
            trap_if(case >= cases.len() as u64)?;
            let aligns = cases.iter().flatten().map(|ty| self.alignment(ty));
            let payload = align_to(address + size, aligns.fold(1, u64::max));
            let value = match cases[case as usize] {
                Some(ty) => Some(Box::new(self.load(memory, payload, ty)?)),
                None => None,
            };
            return Ok(Value::Variant(case as usize, value));
        }
        if let Some(fields) = ty.fields() {
            let mut next = address;
            let mut values = Vec::new();
            for field in fields {
                next = align_to(next, self.alignment(field));
                values.push(self.load(memory, next, field)?);
                next += self.size(field);
            }
            return Ok(Value::Record(values));
        }
        if let Ty::FixedLengthList(element, length) = ty {
            return self.load_elements(memory, address, *length as u64, element);
        }
        if ty.element().is_some() || *ty == Ty::String {
            let size = self.pointer.size();
            let start = load_int(memory, address, size);
            let length = load_int(memory, address + size, size);
            return self.load_range(memory, start, length, ty);
        }
        self.scalar(ty, load_int(memory, address, self.size(ty)))
    }

    fn scalar(self, ty: &Ty, bits: u64) -> Lifted<Value> {
        if let Some(value) = int(ty, bits) {
            return Ok(value);
        }
        match ty {
            Ty::Bool => Ok(Value::Bool(bits != 0)),
            Ty::F32 => Ok(f32_value(bits as u32)),
            Ty::F64 => Ok(f64_value(bits)),
            Ty::Char => to_char(bits),
            Ty::Flags(count) => Ok(to_flags(*count, bits)),
            other => unreachable!("{other:?} is no scalar"),
        }
    }

    fn load_elements(
        self,
        memory: &[u8],
        address: u64,
        length: u64,
        element: &Ty,
    ) -> Lifted<Value> {
        let size = self.size(element);
        let elements = (0..length).map(|i| self.load(memory, address + i * size, element));
        Ok(Value::List(elements.collect::<Lifted<_>>()?))
    }

    /// Lifts a string or list that a pointer and a length stand for.
    fn load_range(self, memory: &[u8], start: u64, length: u64, ty: &Ty) -> Lifted<Value> {
        let Some(element) = ty.element() else {
            return self.load_string(memory, start, length);
        };
        let bytes = u128::from(length) * u128::from(self.size(&element));
        trap_if(bytes > MAX_BYTES)?;
        trap_if(!start.is_multiple_of(self.alignment(&element)))?;
        range(memory, start, bytes)?;
        self.load_elements(memory, start, length, &element)
    }

    fn load_string(self, memory: &[u8], start: u64, units: u64) -> Lifted<Value> {
        let tag = 1_u64 << (self.pointer.size() * 8 - 1);
        let (wide, bytes) = match self.encoding {
            Encoding::Utf8 => (None, u128::from(units)),
            Encoding::Utf16 => (Some(true), u128::from(units) * 2),
            Encoding::Latin1Utf16 if units & tag != 0 => (Some(true), u128::from(units ^ tag) * 2),
            Encoding::Latin1Utf16 => (Some(false), u128::from(units)),
        };
        trap_if(bytes > MAX_BYTES)?;
        trap_if(wide.is_some() && !start.is_multiple_of(2))?;
        let bytes = range(memory, start, bytes)?;
        let string = match wide {
            None => std::str::from_utf8(bytes).map_err(|_| Trapped)?.to_owned(),
            Some(false) => bytes.iter().map(|&byte| char::from(byte)).collect(),
            Some(true) => {
                let units = bytes
                    .chunks(2)
                    .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
                let chars = char::decode_utf16(units);
                chars.collect::<Result<_, _>>().map_err(|_| Trapped)?
            }
        };
        Ok(Value::String(string))
    }

    /// Lifts a value from core values, whose bits these are.
    fn lift_flat(
        self,
        memory: &[u8],
        flat: &mut impl Iterator<Item = (Core, u64)>,
        ty: &Ty,
    ) -> Lifted<Value> {
        if let Some(cases) = ty.cases() {
            // A discriminant is an `i32`, also where it is a part of something wider.
            let case = next(flat) & u64::from(u32::MAX);
            trap_if(case >= cases.len() as u64)?;
            // Bits of a narrower type are the low ones of a wider one.
            let parts = self.flatten(ty).len() - 1;
            let parts: Vec<(Core, u64)> = flat.take(parts).collect();
            let value = match cases[case as usize] {
                Some(ty) => {
                    let mut parts = parts.into_iter();
                    Some(Box::new(self.lift_flat(memory, &mut parts, ty)?))
                }
                None => None,
            };
            return Ok(Value::Variant(case as usize, value));
        }
        if let Some(fields) = ty.fields() {
            let mut values = Vec::new();
            for field in fields {
                values.push(self.lift_flat(memory, flat, field)?);
            }
            return Ok(Value::Record(values));
        }
        if let Ty::FixedLengthList(element, length) = ty {
            let mut values = Vec::new();
            for _ in 0..*length {
                values.push(self.lift_flat(memory, flat, element)?);
            }
            return Ok(Value::List(values));
        }
        if ty.element().is_some() || *ty == Ty::String {
            let mask = u64::MAX >> (64 - 8 * self.pointer.size());
            let start = next(flat) & mask;
            let length = next(flat) & mask;
            return self.load_range(memory, start, length, ty);
        }
        let bits = next(flat);
        let narrow = self.flatten(ty)[0];
        let bits = match narrow {
            Core::I32 | Core::F32 => bits & u64::from(u32::MAX),
            Core::I64 | Core::F64 => bits,
        };
        self.scalar(ty, bits)
    }

    /// `lift_flat_values` of one value: from at most `max` core values, or from memory.
    pub fn lift(self, memory: &[u8], max: usize, bits: &[u64], ty: &Ty) -> Lifted<Value> {
        let cores = self.flatten(ty);
        if cores.len() <= max {
            // A core value has no more bits than its type.
            let bits = cores.iter().zip(bits).map(|(core, &bits)| match core {
                Core::I32 | Core::F32 => bits & u64::from(u32::MAX),
                Core::I64 | Core::F64 => bits,
            });
            let mut flat = cores.iter().copied().zip(bits);
            return self.lift_flat(memory, &mut flat, ty);
        }
        let mask = u64::MAX >> (64 - 8 * self.pointer.size());
        self.lift_spilled(memory, bits[0] & mask, ty)
    }

    /// Lifts a value that lies in memory as a tuple's only element.
    pub fn lift_spilled(self, memory: &[u8], address: u64, ty: &Ty) -> Lifted<Value> {
        trap_if(!address.is_multiple_of(self.alignment(ty)))?;
        range(memory, address, self.size(ty).into())?;
        self.load(memory, address, ty)
    }
}

fn next(flat: &mut impl Iterator<Item = (Core, u64)>) -> u64 {
    flat.next().expect("as many core values as the type has").1
}

/// A guest's memory while a value is put there.
pub struct Heap {
    pub bytes: Vec<u8>,
    /// The first free byte.
    pub next: u64,
}

impl Heap {
    fn allocate(&mut self, size: u64, align: u64) -> u64 {
        let start = align_to(self.next, align);
        self.next = start + size;
        if self.bytes.len() < self.next as usize {
            self.bytes.resize(self.next as usize, 0);
        }
        start
    }

    fn store_int(&mut self, address: u64, size: u64, bits: u64) {
        let bytes = bits.to_le_bytes();
        let address = address as usize;
        self.bytes[address..address + size as usize].copy_from_slice(&bytes[..size as usize]);
    }
}

/// Lowering: any representation that the specification lets a guest have will do.
impl Abi {
    /// Puts a value somewhere; its address.
    pub fn store_anywhere(self, heap: &mut Heap, value: &Value, ty: &Ty) -> u64 {
        let address = heap.allocate(self.size(ty), self.alignment(ty));
        self.store(heap, address, value, ty);
        address
    }

    fn store(self, heap: &mut Heap, address: u64, value: &Value, ty: &Ty) {
        if let (Some(cases), Value::Variant(case, payload)) = (ty.cases(), value) {
            let size = discriminant_size(cases.len());
            heap.store_int(address, size, *case as u64);
            let aligns = cases.iter().flatten().map(|ty| self.alignment(ty));
            let at = align_to(address + size, aligns.fold(1, u64::max));
            if let (Some(ty), Some(payload)) = (cases[*case], payload) {
                self.store(heap, at, payload, ty);
            }
            return;
        }
        if let (Some(fields), Value::Record(values)) = (ty.fields(), value) {
            let mut next = address;
            for (field, value) in fields.into_iter().zip(values) {
                next = align_to(next, self.alignment(field));
                self.store(heap, next, value, field);
                next += self.size(field);
            }
            return;
        }
        if let (Ty::FixedLengthList(element, _), Value::List(values)) = (ty, value) {
            self.store_elements(heap, address, values, element);
            return;
        }
        if let Some((start, length)) = self.store_range(heap, value, ty) {
            let size = self.pointer.size();
            heap.store_int(address, size, start);
            heap.store_int(address + size, size, length);
            return;
        }
        heap.store_int(address, self.size(ty), scalar_bits(value));
    }

    fn store_elements(self, heap: &mut Heap, start: u64, values: &[Value], element: &Ty) {
        for (i, value) in values.iter().enumerate() {
            self.store(heap, start + i as u64 * self.size(element), value, element);
        }
    }

    /// Puts the contents of a string or list somewhere: pointer and length.
    fn store_range(self, heap: &mut Heap, value: &Value, ty: &Ty) -> Option<(u64, u64)> {
        if let (Some(element), Value::List(values)) = (ty.element(), value) {
            let size = self.size(&element) * values.len() as u64;
            let start = heap.allocate(size, self.alignment(&element));
            self.store_elements(heap, start, values, &element);
            return Some((start, values.len() as u64));
        }
        let Value::String(string) = value else {
            return None;
        };
        let latin1 = string.chars().all(|c| u32::from(c) < 0x100);
        let tag = 1_u64 << (self.pointer.size() * 8 - 1);
        let (bytes, align, units) = match self.encoding {
            Encoding::Utf8 => (string.as_bytes().to_vec(), 1, string.len() as u64),
            // Some strings that need not be wide are, nevertheless.
            Encoding::Latin1Utf16 if latin1 && string.len() % 3 != 0 => {
                let bytes: Vec<u8> = string.chars().map(|c| u32::from(c) as u8).collect();
                let units = bytes.len() as u64;
                (bytes, 2, units)
            }
            encoding => {
                let bytes: Vec<u8> = string.encode_utf16().flat_map(u16::to_le_bytes).collect();
                let units = bytes.len() as u64 / 2;
                let tag = if encoding == Encoding::Utf16 { 0 } else { tag };
                (bytes, 2, units | tag)
            }
        };
        let start = heap.allocate(bytes.len() as u64, align);
        let at = start as usize;
        heap.bytes[at..at + bytes.len()].copy_from_slice(&bytes);
        Some((start, units))
    }

    /// The bits of a value's core values.
    fn lower_flat(self, heap: &mut Heap, value: &Value, ty: &Ty) -> Vec<u64> {
        if let (Some(cases), Value::Variant(case, payload)) = (ty.cases(), value) {
            let mut flat = vec![*case as u64];
            if let (Some(ty), Some(payload)) = (cases[*case], payload) {
                flat.extend(self.lower_flat(heap, payload, ty));
            }
            flat.resize(self.flatten(ty).len(), 0);
            return flat;
        }
        if let (Some(fields), Value::Record(values)) = (ty.fields(), value) {
            let parts = fields.into_iter().zip(values);
            return parts
                .flat_map(|(ty, v)| self.lower_flat(heap, v, ty))
                .collect();
        }
        if let (Ty::FixedLengthList(element, _), Value::List(values)) = (ty, value) {
            let parts = values.iter();
            return parts
                .flat_map(|v| self.lower_flat(heap, v, element))
                .collect();
        }
        match self.store_range(heap, value, ty) {
            Some((start, length)) => vec![start, length],
            None => vec![scalar_bits(value)],
        }
    }

    /// `lower_flat_values` of one value: at most `max` core values, or the address of memory.
    pub fn lower(self, heap: &mut Heap, max: usize, value: &Value, ty: &Ty) -> Vec<u64> {
        if self.flatten(ty).len() <= max {
            return self.lower_flat(heap, value, ty);
        }
        vec![self.store_anywhere(heap, value, ty)]
    }
}

fn scalar_bits(value: &Value) -> u64 {
    match value {
        Value::Bool(value) => u64::from(*value),
        Value::Int(value) => *value as u64,
        Value::F32(bits) => u64::from(*bits),
        Value::F64(bits) => *bits,
        Value::Char(value) => u64::from(u32::from(*value)),
        Value::Flags(bits) => u64::from(*bits),
        other => unreachable!("{other:?} is no scalar"),
    }
}
