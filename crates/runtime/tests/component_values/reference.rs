//! The canonical ABI as the specification's text says it, in a small and slow way that shares
//! nothing with the runtime. A memory is a vector of bytes, a core value its bits.

use super::ty::{Ty, name};
use threadline::component::Val;

/// The type of a core value.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) enum Core {
    I32,
    I64,
    F32,
    F64,
}

/// How a string is encoded.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16,
    Latin1Utf16,
}

/// A guest's options and its memory.
pub(crate) struct Guest {
    pub(crate) wide: bool,
    pub(crate) encoding: Encoding,
    pub(crate) memory: Vec<u8>,
    /// Where the next allocation goes.
    pub(crate) next: usize,
}

fn align_to(address: usize, alignment: usize) -> usize {
    address.div_ceil(alignment) * alignment
}

/// A variant's cases, for everything that is one.
fn cases(ty: &Ty) -> Option<Vec<Option<Ty>>> {
    Some(match ty {
        Ty::Variant(cases) => cases.clone(),
        Ty::Enum(count) => vec![None; *count],
        Ty::Option(ty) => vec![None, Some((**ty).clone())],
        Ty::Result(ok, err) => [ok, err].map(|ty| ty.as_deref().cloned()).to_vec(),
        _ => return None,
    })
}

/// A record's fields, for everything that is one.
fn fields(ty: &Ty) -> Option<Vec<Ty>> {
    Some(match ty {
        Ty::Record(fields) | Ty::Tuple(fields) => fields.clone(),
        Ty::Fixed(ty, length) => vec![(**ty).clone(); *length as usize],
        _ => return None,
    })
}

fn discriminant_size(cases: usize) -> usize {
    match cases {
        0..=256 => 1,
        257..=65536 => 2,
        _ => 4,
    }
}

impl Guest {
    fn pointer_size(&self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    pub(crate) fn alignment(&self, ty: &Ty) -> usize {
        if let Some(fields) = fields(ty) {
            return fields
                .iter()
                .map(|ty| self.alignment(ty))
                .max()
                .unwrap_or(1);
        }
        if let Some(cases) = cases(ty) {
            return discriminant_size(cases.len()).max(self.payload_alignment(&cases));
        }
        match ty {
            Ty::String | Ty::List(_) | Ty::Map(..) => self.pointer_size(),
            other => self.elem_size(other),
        }
    }

    fn payload_alignment(&self, cases: &[Option<Ty>]) -> usize {
        let payloads = cases.iter().flatten();
        payloads.map(|ty| self.alignment(ty)).max().unwrap_or(1)
    }

    pub(crate) fn elem_size(&self, ty: &Ty) -> usize {
        if let Some(fields) = fields(ty) {
            let mut size = 0;
            for field in &fields {
                size = align_to(size, self.alignment(field)) + self.elem_size(field);
            }
            return align_to(size, self.alignment(ty));
        }
        if let Some(cases) = cases(ty) {
            let payloads = cases.iter().flatten().map(|ty| self.elem_size(ty));
            let at = align_to(
                discriminant_size(cases.len()),
                self.payload_alignment(&cases),
            );
            return align_to(at + payloads.max().unwrap_or(0), self.alignment(ty));
        }
        match ty {
            Ty::Bool | Ty::S8 | Ty::U8 => 1,
            Ty::S16 | Ty::U16 => 2,
            Ty::S32 | Ty::U32 | Ty::F32 | Ty::Char => 4,
            Ty::S64 | Ty::U64 | Ty::F64 => 8,
            Ty::Flags(labels) => match labels {
                0..=8 => 1,
                9..=16 => 2,
                _ => 4,
            },
            _ => 2 * self.pointer_size(),
        }
    }

    pub(crate) fn flatten(&self, ty: &Ty) -> Vec<Core> {
        if let Some(fields) = fields(ty) {
            return fields.iter().flat_map(|ty| self.flatten(ty)).collect();
        }
        if let Some(cases) = cases(ty) {
            let mut flat = Vec::new();
            for case in cases.iter().flatten() {
                for (i, core) in self.flatten(case).into_iter().enumerate() {
                    match flat.get_mut(i) {
                        Some(joined) => *joined = join(*joined, core),
                        None => flat.push(core),
                    }
                }
            }
            flat.insert(0, Core::I32);
            return flat;
        }
        let pointer = if self.wide { Core::I64 } else { Core::I32 };
        match ty {
            Ty::S64 | Ty::U64 => vec![Core::I64],
            Ty::F32 => vec![Core::F32],
            Ty::F64 => vec![Core::F64],
            Ty::String | Ty::List(_) | Ty::Map(..) => vec![pointer; 2],
            _ => vec![Core::I32],
        }
    }

    fn load_int(&self, at: usize, size: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&self.memory[at..at + size]);
        u64::from_le_bytes(bytes)
    }

    fn store_int(&mut self, value: u64, at: usize, size: usize) {
        self.memory[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
    }

    pub(crate) fn load(&self, ty: &Ty, at: usize) -> Val {
        assert_eq!(at % self.alignment(ty), 0, "{ty:?} at {at}");
        if let Some(fields) = fields(ty) {
            let mut next = at;
            let vals = fields.iter().map(|field| {
                let at = align_to(next, self.alignment(field));
                next = at + self.elem_size(field);
                self.load(field, at)
            });
            return record(ty, vals.collect());
        }
        if let Some(cases) = cases(ty) {
            let size = discriminant_size(cases.len());
            let case = self.load_int(at, size) as usize;
            let payload = at + align_to(size, self.payload_alignment(&cases));
            return variant(
                ty,
                case,
                cases[case].as_ref().map(|ty| self.load(ty, payload)),
            );
        }
        let size = self.pointer_size();
        match ty {
            Ty::String | Ty::List(_) | Ty::Map(..) => {
                self.load_range(ty, self.load_int(at, size), self.load_int(at + size, size))
            }
            _ => scalar(ty, self.load_int(at, self.elem_size(ty))),
        }
    }

    fn load_range(&self, ty: &Ty, address: u64, length: u64) -> Val {
        let address = address as usize;
        let all = |element: &Ty| -> Vec<Val> {
            let size = self.elem_size(element);
            (0..length as usize)
                .map(|i| self.load(element, address + i * size))
                .collect()
        };
        match ty {
            Ty::String => Val::String(self.load_string(address, length)),
            Ty::List(element) => Val::List(all(element)),
            Ty::Map(key, value) => {
                let entries = all(&Ty::Tuple(vec![(**key).clone(), (**value).clone()]));
                let entries = entries.into_iter().map(|entry| match entry {
                    Val::Tuple(entry) => (entry[0].clone(), entry[1].clone()),
                    _ => unreachable!(),
                });
                Val::Map(entries.collect())
            }
            _ => unreachable!(),
        }
    }

    fn load_string(&self, address: usize, length: u64) -> String {
        let tag = if self.wide { 1 << 63 } else { 1 << 31 };
        let utf16 = |length: u64| {
            assert_eq!(address % 2, 0);
            let units = (0..length as usize).map(|i| self.load_int(address + 2 * i, 2) as u16);
            String::from_utf16(&units.collect::<Vec<_>>()).unwrap()
        };
        let bytes = || self.memory[address..address + length as usize].to_vec();
        match self.encoding {
            Encoding::Utf8 => String::from_utf8(bytes()).unwrap(),
            Encoding::Utf16 => utf16(length),
            Encoding::Latin1Utf16 if length & tag != 0 => utf16(length ^ tag),
            Encoding::Latin1Utf16 => {
                assert_eq!(address % 2, 0);
                bytes().into_iter().map(char::from).collect()
            }
        }
    }

    /// Core values to a value; takes them from the front.
    pub(crate) fn lift_flat(&self, ty: &Ty, flat: &mut &[u64]) -> Val {
        fn take(flat: &mut &[u64]) -> u64 {
            let (first, rest) = flat.split_first().unwrap();
            *flat = rest;
            *first
        }
        if let Some(fields) = fields(ty) {
            let vals = fields.iter().map(|field| self.lift_flat(field, flat));
            return record(ty, vals.collect());
        }
        if let Some(cases) = cases(ty) {
            let (mut own, rest) = flat.split_at(self.flatten(ty).len());
            *flat = rest;
            let case = take(&mut own) as u32 as usize;
            let payload = cases[case].as_ref().map(|payload| {
                // What the joined types hold is narrowed to what the payload's own need.
                let cores = self.flatten(payload);
                let narrowed: Vec<u64> = cores.iter().zip(own).map(narrow).collect();
                assert!(own[cores.len()..].iter().all(|&unused| unused == 0));
                self.lift_flat(payload, &mut narrowed.as_slice())
            });
            return variant(ty, case, payload);
        }
        match ty {
            Ty::String | Ty::List(_) | Ty::Map(..) => {
                let address = take(flat);
                self.load_range(ty, address, take(flat))
            }
            _ => scalar(ty, take(flat)),
        }
    }

    fn allocate(&mut self, alignment: usize, size: usize) -> usize {
        let at = align_to(self.next, alignment);
        self.next = at + size;
        at
    }

    pub(crate) fn store(&mut self, ty: &Ty, val: &Val, at: usize) {
        if let Some(fields) = fields(ty) {
            let mut next = at;
            for (field, val) in fields.iter().zip(parts(val)) {
                let at = align_to(next, self.alignment(field));
                next = at + self.elem_size(field);
                self.store(field, &val, at);
            }
            return;
        }
        if let Some(cases) = cases(ty) {
            let (case, payload) = case(val);
            let size = discriminant_size(cases.len());
            self.store_int(case as u64, at, size);
            if let (Some(ty), Some(val)) = (&cases[case], payload) {
                self.store(
                    ty,
                    &val,
                    at + align_to(size, self.payload_alignment(&cases)),
                );
            }
            return;
        }
        let size = self.pointer_size();
        match ty {
            Ty::String | Ty::List(_) | Ty::Map(..) => {
                let (address, length) = self.store_range(ty, val);
                self.store_int(address, at, size);
                self.store_int(length, at + size, size);
            }
            _ => self.store_int(bits(val), at, self.elem_size(ty)),
        }
    }

    fn store_range(&mut self, ty: &Ty, val: &Val) -> (u64, u64) {
        let (element, vals) = match (ty, val) {
            (Ty::String, Val::String(string)) => return self.store_string(string),
            (Ty::List(element), Val::List(vals)) => ((**element).clone(), vals.clone()),
            (Ty::Map(key, value), Val::Map(entries)) => {
                let entries = entries
                    .iter()
                    .map(|(k, v)| Val::Tuple(vec![k.clone(), v.clone()]));
                let entry = Ty::Tuple(vec![(**key).clone(), (**value).clone()]);
                (entry, entries.collect())
            }
            _ => unreachable!(),
        };
        let size = self.elem_size(&element);
        let at = self.allocate(self.alignment(&element), size * vals.len());
        for (i, val) in vals.iter().enumerate() {
            self.store(&element, val, at + i * size);
        }
        (at as u64, vals.len() as u64)
    }

    fn store_string(&mut self, string: &str) -> (u64, u64) {
        let latin1: Option<Vec<u8>> = string.chars().map(|c| u8::try_from(c).ok()).collect();
        let utf16 = || {
            string
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<_>>()
        };
        let tag = if self.wide { 1 << 63 } else { 1 << 31 };
        let (bytes, length) = match (self.encoding, latin1) {
            (Encoding::Utf8, _) => (string.as_bytes().to_vec(), string.len() as u64),
            (Encoding::Utf16, _) => (utf16(), utf16().len() as u64 / 2),
            (Encoding::Latin1Utf16, Some(latin1)) => {
                let length = latin1.len() as u64;
                (latin1, length)
            }
            (Encoding::Latin1Utf16, None) => (utf16(), utf16().len() as u64 / 2 | tag),
        };
        let at = self.allocate(2, bytes.len());
        self.memory[at..at + bytes.len()].copy_from_slice(&bytes);
        (at as u64, length)
    }

    /// A value to core values.
    pub(crate) fn lower_flat(&mut self, ty: &Ty, val: &Val) -> Vec<u64> {
        if let Some(fields) = fields(ty) {
            let fields = fields.iter().zip(parts(val));
            return fields
                .flat_map(|(ty, val)| self.lower_flat(ty, &val))
                .collect();
        }
        if let Some(cases) = cases(ty) {
            let (case, payload) = case(val);
            let mut flat = vec![case as u64];
            if let (Some(ty), Some(val)) = (&cases[case], payload) {
                flat.extend(self.lower_flat(ty, &val));
            }
            flat.resize(self.flatten(ty).len(), 0);
            return flat;
        }
        match ty {
            Ty::String | Ty::List(_) | Ty::Map(..) => {
                let (address, length) = self.store_range(ty, val);
                vec![address, length]
            }
            _ => vec![bits(val)],
        }
    }
}

fn join(a: Core, b: Core) -> Core {
    match (a, b) {
        _ if a == b => a,
        (Core::I32, Core::F32) | (Core::F32, Core::I32) => Core::I32,
        _ => Core::I64,
    }
}

fn narrow((core, bits): (&Core, &u64)) -> u64 {
    match core {
        Core::I32 | Core::F32 => u64::from(*bits as u32),
        Core::I64 | Core::F64 => *bits,
    }
}

fn record(ty: &Ty, vals: Vec<Val>) -> Val {
    match ty {
        Ty::Record(_) => {
            let fields = vals.into_iter().enumerate();
            Val::Record(fields.map(|(i, val)| (name("f", i), val)).collect())
        }
        Ty::Tuple(_) => Val::Tuple(vals),
        _ => Val::FixedLengthList(vals),
    }
}

fn parts(val: &Val) -> Vec<Val> {
    match val {
        Val::Record(fields) => fields.iter().map(|(_, val)| val.clone()).collect(),
        Val::Tuple(vals) | Val::FixedLengthList(vals) => vals.clone(),
        _ => unreachable!(),
    }
}

fn variant(ty: &Ty, case: usize, payload: Option<Val>) -> Val {
    let payload = payload.map(Box::new);
    match ty {
        Ty::Variant(_) => Val::Variant(name("c", case), payload),
        Ty::Enum(_) => Val::Enum(name("e", case)),
        Ty::Option(_) => Val::Option(payload),
        _ if case == 0 => Val::Result(Ok(payload)),
        _ => Val::Result(Err(payload)),
    }
}

fn case(val: &Val) -> (usize, Option<Val>) {
    let inner = |payload: &Option<Box<Val>>| payload.as_deref().cloned();
    match val {
        Val::Variant(name, payload) => (name[1..].parse().unwrap(), inner(payload)),
        Val::Enum(name) => (name[1..].parse().unwrap(), None),
        Val::Option(payload) => (usize::from(payload.is_some()), inner(payload)),
        Val::Result(Ok(payload)) => (0, inner(payload)),
        Val::Result(Err(payload)) => (1, inner(payload)),
        _ => unreachable!(),
    }
}

fn scalar(ty: &Ty, bits: u64) -> Val {
    match ty {
        Ty::Bool => Val::Bool(bits != 0),
        Ty::S8 => Val::S8(bits as i8),
        Ty::U8 => Val::U8(bits as u8),
        Ty::S16 => Val::S16(bits as i16),
        Ty::U16 => Val::U16(bits as u16),
        Ty::S32 => Val::S32(bits as i32),
        Ty::U32 => Val::U32(bits as u32),
        Ty::S64 => Val::S64(bits as i64),
        Ty::U64 => Val::U64(bits),
        Ty::F32 => Val::Float32(f32::from_bits(bits as u32)),
        Ty::F64 => Val::Float64(f64::from_bits(bits)),
        Ty::Char => Val::Char(char::from_u32(bits as u32).unwrap()),
        Ty::Flags(labels) => {
            let set = (0..*labels).filter(|i| bits >> i & 1 == 1);
            Val::Flags(set.map(|i| name("l", i)).collect())
        }
        _ => unreachable!(),
    }
}

/// A scalar's bits as an i32 or i64 core value has them.
fn bits(val: &Val) -> u64 {
    let signed = |value: i32| u64::from(value as u32);
    match val {
        Val::Bool(value) => u64::from(*value),
        Val::S8(value) => signed((*value).into()),
        Val::U8(value) => u64::from(*value),
        Val::S16(value) => signed((*value).into()),
        Val::U16(value) => u64::from(*value),
        Val::S32(value) => signed(*value),
        Val::U32(value) => u64::from(*value),
        Val::S64(value) => *value as u64,
        Val::U64(value) => *value,
        Val::Float32(value) => u64::from(value.to_bits()),
        Val::Float64(value) => value.to_bits(),
        Val::Char(value) => u64::from(u32::from(*value)),
        Val::Flags(set) => {
            let bits = set
                .iter()
                .map(|label| 1 << label[1..].parse::<u32>().unwrap());
            bits.fold(0, |all, bit: u64| all | bit)
        }
        _ => unreachable!(),
    }
}
