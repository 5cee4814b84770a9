//! Types and values for tests: made at random, written as text, and as [`Val`]s.

use threadline::component::Val;

/// A type of the component model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ty {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    List(Box<Ty>),
    Fixed(Box<Ty>, u32),
    Map(Box<Ty>, Box<Ty>),
    Record(Vec<Ty>),
    Tuple(Vec<Ty>),
    Variant(Vec<Option<Ty>>),
    Enum(usize),
    Option(Box<Ty>),
    Result(Option<Box<Ty>>, Option<Box<Ty>>),
    Flags(usize),
}

/// All types without parts.
pub(crate) const SIMPLE: [Ty; 13] = [
    Ty::Bool,
    Ty::S8,
    Ty::U8,
    Ty::S16,
    Ty::U16,
    Ty::S32,
    Ty::U32,
    Ty::S64,
    Ty::U64,
    Ty::F32,
    Ty::F64,
    Ty::Char,
    Ty::String,
];

/// Numbers that look random and are the same each time (xorshift).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 33) % end as u64) as usize
    }

    /// A type with types inside each other up to `depth`.
    pub(crate) fn ty(&mut self, depth: usize) -> Ty {
        if depth == 0 {
            return SIMPLE[self.below(SIMPLE.len())].clone();
        }
        let some = |random: &mut Random| Box::new(random.ty(depth - 1));
        let maybe = |random: &mut Random| (random.below(2) == 0).then(|| random.ty(depth - 1));
        match self.below(12) {
            0 | 1 => Ty::List(some(self)),
            2 => Ty::Fixed(some(self), 1 + self.below(5) as u32),
            3 => Ty::Map(
                Box::new([Ty::U8, Ty::String, Ty::Char, Ty::S64][self.below(4)].clone()),
                some(self),
            ),
            4 => Ty::Record((0..1 + self.below(5)).map(|_| self.ty(depth - 1)).collect()),
            5 => Ty::Tuple((0..1 + self.below(5)).map(|_| self.ty(depth - 1)).collect()),
            6 => Ty::Variant((0..1 + self.below(5)).map(|_| maybe(self)).collect()),
            7 => Ty::Enum([1, 3, 256, 257][self.below(4)]),
            8 => Ty::Option(some(self)),
            9 => Ty::Result(maybe(self).map(Box::new), maybe(self).map(Box::new)),
            10 => Ty::Flags([1, 8, 9, 16, 17, 32][self.below(6)]),
            _ => self.ty(0),
        }
    }

    /// A value of a type.
    pub(crate) fn val(&mut self, ty: &Ty) -> Val {
        let boxed = |random: &mut Random, ty: &Option<Box<Ty>>| {
            ty.as_ref().map(|ty| Box::new(random.val(ty)))
        };
        match ty {
            Ty::Bool => Val::Bool(self.below(2) == 0),
            Ty::S8 => Val::S8(self.next() as i8),
            Ty::U8 => Val::U8(self.next() as u8),
            Ty::S16 => Val::S16(self.next() as i16),
            Ty::U16 => Val::U16(self.next() as u16),
            Ty::S32 => Val::S32(self.next() as i32),
            Ty::U32 => Val::U32(self.next() as u32),
            Ty::S64 => Val::S64(self.next() as i64),
            Ty::U64 => Val::U64(self.next()),
            Ty::F32 => Val::Float32(f32::from_bits(self.next() as u32)),
            Ty::F64 => Val::Float64(f64::from_bits(self.next())),
            Ty::Char => Val::Char(self.char()),
            Ty::String => Val::String(self.string()),
            Ty::List(ty) => Val::List((0..self.below(5)).map(|_| self.val(ty)).collect()),
            Ty::Fixed(ty, length) => {
                Val::FixedLengthList((0..*length).map(|_| self.val(ty)).collect())
            }
            Ty::Map(key, value) => {
                let entries = 0..self.below(4);
                Val::Map(entries.map(|_| (self.val(key), self.val(value))).collect())
            }
            Ty::Record(fields) => {
                let fields = fields.iter().enumerate();
                Val::Record(fields.map(|(i, ty)| (name("f", i), self.val(ty))).collect())
            }
            Ty::Tuple(elements) => Val::Tuple(elements.iter().map(|ty| self.val(ty)).collect()),
            Ty::Variant(cases) => {
                let case = self.below(cases.len());
                let payload = cases[case].as_ref().map(|ty| Box::new(self.val(ty)));
                Val::Variant(name("c", case), payload)
            }
            Ty::Enum(cases) => Val::Enum(name("e", self.below(*cases))),
            Ty::Option(ty) => Val::Option((self.below(2) == 0).then(|| Box::new(self.val(ty)))),
            Ty::Result(ok, err) => Val::Result(match self.below(2) {
                0 => Ok(boxed(self, ok)),
                _ => Err(boxed(self, err)),
            }),
            Ty::Flags(labels) => {
                let set = self.next();
                let set = (0..*labels).filter(|i| set >> i & 1 == 1);
                Val::Flags(set.map(|i| name("l", i)).collect())
            }
        }
    }

    fn char(&mut self) -> char {
        let range = [0x80, 0x100, 0x800, 0xd800, 0x11_0000][self.below(5)];
        char::from_u32(self.below(range) as u32).unwrap_or('\u{fffd}')
    }

    fn string(&mut self) -> String {
        let most = [0x80, 0x100, 0x3000, 0x11_0000][self.below(4)];
        let chars = 0..self.below(12);
        chars
            .map(|_| char::from_u32(self.below(most) as u32).unwrap_or('☃'))
            .collect()
    }
}

/// The name of a part.
pub(crate) fn name(kind: &str, i: usize) -> String {
    format!("{kind}{i}")
}

/// Writes types as text: definitions first, then how to refer to the type.
#[derive(Default)]
pub(crate) struct Definitions {
    pub(crate) text: String,
    count: usize,
}

impl Definitions {
    /// How to refer to a type, having defined it.
    pub(crate) fn refer(&mut self, ty: &Ty) -> String {
        let definition = match ty {
            Ty::Bool => return "bool".into(),
            Ty::S8 => return "s8".into(),
            Ty::U8 => return "u8".into(),
            Ty::S16 => return "s16".into(),
            Ty::U16 => return "u16".into(),
            Ty::S32 => return "s32".into(),
            Ty::U32 => return "u32".into(),
            Ty::S64 => return "s64".into(),
            Ty::U64 => return "u64".into(),
            Ty::F32 => return "f32".into(),
            Ty::F64 => return "f64".into(),
            Ty::Char => return "char".into(),
            Ty::String => return "string".into(),
            Ty::List(ty) => format!("list {}", self.refer(ty)),
            Ty::Fixed(ty, length) => format!("list {} {length}", self.refer(ty)),
            Ty::Map(key, value) => format!("map {} {}", self.refer(key), self.refer(value)),
            Ty::Record(fields) => {
                let fields = fields.iter().enumerate();
                let fields = fields.map(|(i, ty)| format!(" (field \"f{i}\" {})", self.refer(ty)));
                format!("record{}", fields.collect::<String>())
            }
            Ty::Tuple(elements) => {
                let elements = elements.iter().map(|ty| format!(" {}", self.refer(ty)));
                format!("tuple{}", elements.collect::<String>())
            }
            Ty::Variant(cases) => {
                let cases = cases.iter().enumerate();
                let cases = cases.map(|(i, ty)| {
                    let ty = ty.as_ref().map_or(String::new(), |ty| self.refer(ty));
                    format!(" (case \"c{i}\" {ty})")
                });
                format!("variant{}", cases.collect::<String>())
            }
            Ty::Enum(cases) => format!("enum{}", names("e", *cases)),
            Ty::Option(ty) => format!("option {}", self.refer(ty)),
            Ty::Result(ok, err) => {
                let ok = ok.as_ref().map_or(String::new(), |ty| self.refer(ty));
                let err = err
                    .as_ref()
                    .map(|ty| format!(" (error {})", self.refer(ty)));
                format!("result {ok}{}", err.unwrap_or_default())
            }
            Ty::Flags(labels) => format!("flags{}", names("l", *labels)),
        };
        let n = self.count;
        self.count += 1;
        self.text += &format!("(type $d{n} ({definition}))\n");
        self.text += &format!("(import \"t{n}\" (type $t{n} (eq $d{n})))\n");
        format!("$t{n}")
    }
}

fn names(kind: &str, count: usize) -> String {
    (0..count).map(|i| format!(" \"{kind}{i}\"")).collect()
}
