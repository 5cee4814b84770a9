//! Programs in the engine, and what the model makes of their memories.

use super::guest::{
    DATA, DATA_END, GIVEN, GOT, MAX_PARAMS, MAX_RESULTS, MEMORY, RESULT, with_guest, with_host,
};
use super::model::{Abi, Heap, Trapped};
use super::types::{Ty, Value, f32_value, f64_value};
use arbitrary::Unstructured;
use threadline::component::{self, Component, Func, Linker, Val};
use threadline::{Config, Engine, Features, Proposal, Store, Trap};

/// Which guest of a program.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Guest {
    /// The one whose functions the host calls.
    Outer,
    /// The one that it calls.
    Callee,
}

/// A compiled component.
pub struct Program {
    ty: Ty,
    outer: Abi,
    callee: Option<Abi>,
    component: Component,
}

/// What the host got from a guest, and gives one.
#[derive(Default)]
struct Host {
    got: Option<Val>,
    gives: Option<Val>,
}

/// An instance of a program.
pub struct Running<'p> {
    program: &'p Program,
    store: Store<Host>,
    instance: component::Instance,
}

fn engine() -> Engine {
    let mut features = Features::default();
    features.set(Proposal::Memory64, true);
    Engine::new(Config::new().wasm_features(features)).unwrap()
}

impl Program {
    pub fn with_host(ty: Ty, abi: Abi) -> Program {
        let text = with_host(&ty, abi);
        Program::new(ty, abi, None, &text)
    }

    pub fn with_guest(ty: Ty, caller: Abi, callee: Abi) -> Program {
        let text = with_guest(&ty, caller, callee);
        Program::new(ty, caller, Some(callee), &text)
    }

    fn new(ty: Ty, outer: Abi, callee: Option<Abi>, text: &str) -> Program {
        let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let component = Component::new(&engine(), wasm);
        Program {
            ty,
            outer,
            callee,
            component: component.unwrap_or_else(|error| panic!("{error:?}\n{text}")),
        }
    }

    pub fn instantiate(&self) -> Running<'_> {
        let engine = self.component.engine();
        let mut linker = Linker::<Host>::new(engine);
        let mut root = linker.root();
        root.func_new("take", |mut store, params, _| {
            store.data_mut().got = Some(params[0].clone());
            Ok(())
        })
        .unwrap();
        root.func_new("give", |store, _, results| {
            results[0] = store.data().gives.clone().unwrap();
            Ok(())
        })
        .unwrap();
        let mut store = Store::new(engine, Host::default());
        let instance = linker.instantiate(&mut store, &self.component).unwrap();
        Running {
            program: self,
            store,
            instance,
        }
    }

    fn abi(&self, guest: Guest) -> Abi {
        match guest {
            Guest::Outer => self.outer,
            Guest::Callee => self.callee.unwrap(),
        }
    }
}

impl<'p> Running<'p> {
    /// The type of the values that it is about.
    pub fn ty(&self) -> &'p Ty {
        &self.program.ty
    }

    fn func(&mut self, guest: Guest, name: &str) -> Func {
        let found = match guest {
            Guest::Outer => self.instance.get_func(&mut self.store, name),
            Guest::Callee => {
                let store = &mut self.store;
                let callee = self.instance.get_export_index(&mut *store, None, "callee");
                let index = self
                    .instance
                    .get_export_index(&mut *store, callee.as_ref(), name)
                    .unwrap();
                self.instance.get_func(store, index)
            }
        };
        found.unwrap_or_else(|| panic!("no function `{name}`"))
    }

    fn call(&mut self, guest: Guest, name: &str, params: &[Val], results: &mut [Val]) -> Run {
        let func = self.func(guest, name);
        func.call(&mut self.store, params, results)
    }

    /// Calls a function without parameters and result.
    pub fn run(&mut self, name: &str) -> Run {
        self.call(Guest::Outer, name, &[], &mut [])
    }

    /// Passes a value to the guest.
    pub fn call_take(&mut self, value: &Value) -> Run {
        self.poke(Guest::Outer, DATA, &[]);
        let val = to_val(value, &self.program.ty);
        self.call(Guest::Outer, "take", &[val], &mut [])
    }

    /// Gets a value from the guest.
    pub fn call_give(&mut self) -> anyhow::Result<Value> {
        let mut results = [Val::Bool(false)];
        self.call(Guest::Outer, "give", &[], &mut results)?;
        Ok(from_val(&results[0], &self.program.ty))
    }

    /// Says what the host's function is to return.
    pub fn host_gives(&mut self, value: &Value) {
        self.poke(Guest::Outer, DATA, &[]);
        self.store.data_mut().gives = Some(to_val(value, &self.program.ty));
    }

    /// What the host's function got.
    pub fn host_got(&mut self) -> Option<Value> {
        let got = self.store.data_mut().got.take()?;
        Some(from_val(&got, &self.program.ty))
    }

    fn memory(&mut self, guest: Guest) -> Vec<u8> {
        let peek = self.func(guest, "peek");
        let peek = peek.typed::<(), (Vec<u8>,)>(&self.store).unwrap();
        peek.call(&mut self.store, ()).unwrap().0
    }

    fn poke(&mut self, guest: Guest, at: u64, bytes: &[u8]) {
        let poke = self.func(guest, "poke");
        let poke = poke.typed::<(u32, &[u8]), ()>(&self.store).unwrap();
        poke.call(&mut self.store, (at as u32, bytes)).unwrap();
    }

    /// What the model makes of the parameters that a guest got.
    pub fn got_params(&mut self, guest: Guest) -> Result<Value, Trapped> {
        let memory = self.memory(guest);
        let bits = core_values(&memory, GOT);
        let abi = self.program.abi(guest);
        abi.lift(&memory, MAX_PARAMS, &bits, &self.program.ty)
    }

    /// What the model makes of the result that a guest got from a function that it lowers.
    pub fn got_result(&mut self, guest: Guest) -> Result<Value, Trapped> {
        let memory = self.memory(guest);
        let (abi, ty) = (self.program.abi(guest), &self.program.ty);
        if abi.flatten(ty).len() > MAX_RESULTS {
            return abi.lift_spilled(&memory, RESULT, ty);
        }
        abi.lift(&memory, MAX_RESULTS, &core_values(&memory, GOT), ty)
    }

    /// Has a guest give a value as parameters.
    pub fn give_params(&mut self, guest: Guest, value: &Value) {
        self.give(guest, value, MAX_PARAMS);
    }

    /// Has a guest give a value as a result.
    pub fn give_result(&mut self, guest: Guest, value: &Value) {
        self.give(guest, value, MAX_RESULTS);
    }

    fn give(&mut self, guest: Guest, value: &Value, max: usize) {
        let bytes = self.lowered(guest, value, max);
        self.poke(guest, GIVEN as u64, &bytes[GIVEN..]);
    }

    /// The memory of a guest that gives a value.
    fn lowered(&self, guest: Guest, value: &Value, max: usize) -> Vec<u8> {
        let abi = self.program.abi(guest);
        let mut heap = Heap {
            bytes: vec![0; DATA as usize],
            next: DATA,
        };
        let bits = abi.lower(&mut heap, max, value, &self.program.ty);
        assert!(heap.next <= DATA_END, "the value is too large for the test");
        for (place, bits) in bits.into_iter().enumerate() {
            let at = GIVEN + 8 * place;
            heap.bytes[at..at + 8].copy_from_slice(&bits.to_le_bytes());
        }
        heap.bytes
    }

    /// Has a guest give a value some of whose bytes are random; what it then is.
    pub fn give_garbage(
        &mut self,
        u: &mut Unstructured<'_>,
        guest: Guest,
        value: &Value,
        params: bool,
    ) -> arbitrary::Result<Result<Value, Trapped>> {
        let max = if params { MAX_PARAMS } else { MAX_RESULTS };
        let mut bytes = self.lowered(guest, value, max);
        let ends = [
            (GIVEN, GIVEN + 8 * MAX_PARAMS),
            (DATA as usize, bytes.len()),
        ];
        for _ in 0..u.int_in_range(1..=6)? {
            let (start, end) = *u.choose(&ends)?;
            if start < end {
                let at = u.int_in_range(start..=end - 1)?;
                bytes[at] = match u.ratio(1, 2)? {
                    true => u.arbitrary()?,
                    false => *u.choose(&[0, 1, 2, 0x7F, 0x80, 0xD8, 0xFF])?,
                };
            }
        }
        self.poke(guest, GIVEN as u64, &bytes[GIVEN..]);
        bytes.resize(MEMORY, 0);
        let abi = self.program.abi(guest);
        // What the guest has in its memory elsewhere may be pointed to.
        let memory = self.memory(guest);
        let bits = core_values(&memory, GIVEN);
        Ok(abi.lift(&memory, max, &bits, &self.program.ty))
    }

    /// Whether a call came to its end, or trapped for what the canonical ABI refuses. `None` if the
    /// memory of a guest is too small for what it was passed: a guest may have been passed a part
    /// of a value before another part turned out to be invalid, and traps by itself then.
    pub fn ended(run: Run) -> Option<bool> {
        let Err(error) = run else {
            return Some(true);
        };
        match error.downcast_ref::<Trap>() {
            Some(Trap::Unreachable) => None,
            Some(_) => Some(false),
            None => panic!("no trap: {error:?}"),
        }
    }
}

type Run = anyhow::Result<()>;

/// The bits of core values that are written down at an address.
fn core_values(memory: &[u8], at: usize) -> Vec<u64> {
    let values = memory[at..at + 8 * MAX_PARAMS].chunks(8);
    let values = values.map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
    values.collect()
}

fn boxed(payload: &Option<Box<Value>>, ty: Option<&Ty>) -> Option<Box<Val>> {
    let payload = payload.as_ref()?;
    Some(Box::new(to_val(payload, ty.unwrap())))
}

fn to_val(value: &Value, ty: &Ty) -> Val {
    match (ty, value) {
        (Ty::Bool, Value::Bool(value)) => Val::Bool(*value),
        (Ty::S8, Value::Int(value)) => Val::S8(*value as i8),
        (Ty::U8, Value::Int(value)) => Val::U8(*value as u8),
        (Ty::S16, Value::Int(value)) => Val::S16(*value as i16),
        (Ty::U16, Value::Int(value)) => Val::U16(*value as u16),
        (Ty::S32, Value::Int(value)) => Val::S32(*value as i32),
        (Ty::U32, Value::Int(value)) => Val::U32(*value as u32),
        (Ty::S64, Value::Int(value)) => Val::S64(*value as i64),
        (Ty::U64, Value::Int(value)) => Val::U64(*value as u64),
        (Ty::F32, Value::F32(bits)) => Val::Float32(f32::from_bits(*bits)),
        (Ty::F64, Value::F64(bits)) => Val::Float64(f64::from_bits(*bits)),
        (Ty::Char, Value::Char(value)) => Val::Char(*value),
        (Ty::String, Value::String(value)) => Val::String(value.clone()),
        (Ty::List(element), Value::List(values)) => {
            Val::List(values.iter().map(|v| to_val(v, element)).collect())
        }
        (Ty::FixedLengthList(element, _), Value::List(values)) => {
            Val::FixedLengthList(values.iter().map(|v| to_val(v, element)).collect())
        }
        (Ty::Map(key, value), Value::List(entries)) => {
            let entries = entries.iter().map(|entry| match entry {
                Value::Record(pair) => (to_val(&pair[0], key), to_val(&pair[1], value)),
                other => panic!("{other:?} is no entry"),
            });
            Val::Map(entries.collect())
        }
        (Ty::Record(types), Value::Record(values)) => {
            let fields = types.iter().zip(values).enumerate();
            Val::Record(
                fields
                    .map(|(i, (ty, v))| (format!("f{i}").into(), to_val(v, ty)))
                    .collect(),
            )
        }
        (Ty::Tuple(types), Value::Record(values)) => Val::Tuple(
            types
                .iter()
                .zip(values)
                .map(|(ty, v)| to_val(v, ty))
                .collect(),
        ),
        (Ty::Variant(cases), Value::Variant(case, payload)) => Val::Variant(
            format!("c{case}").into(),
            boxed(payload, cases[*case].as_ref()),
        ),
        (Ty::Enum(_), Value::Variant(case, _)) => Val::Enum(format!("c{case}").into()),
        (Ty::Option(some), Value::Variant(_, payload)) => Val::Option(boxed(payload, Some(some))),
        (Ty::Result(ok, _), Value::Variant(0, payload)) => {
            Val::Result(Ok(boxed(payload, ok.as_deref())))
        }
        (Ty::Result(_, err), Value::Variant(_, payload)) => {
            Val::Result(Err(boxed(payload, err.as_deref())))
        }
        (Ty::Flags(count), Value::Flags(bits)) => {
            let set = (0..*count).filter(|bit| bits >> bit & 1 == 1);
            Val::Flags(set.map(|bit| format!("l{bit}").into()).collect())
        }
        (ty, value) => panic!("{value:?} is no {ty:?}"),
    }
}

fn unboxed(payload: &Option<Box<Val>>, ty: Option<&Ty>) -> Option<Box<Value>> {
    let payload = payload.as_ref()?;
    Some(Box::new(from_val(payload, ty.unwrap())))
}

/// The number in a name that the test made.
fn number(name: &str) -> usize {
    name[1..].parse().unwrap()
}

fn from_val(val: &Val, ty: &Ty) -> Value {
    match (ty, val) {
        (Ty::Bool, Val::Bool(value)) => Value::Bool(*value),
        (Ty::S8, Val::S8(value)) => Value::Int((*value).into()),
        (Ty::U8, Val::U8(value)) => Value::Int((*value).into()),
        (Ty::S16, Val::S16(value)) => Value::Int((*value).into()),
        (Ty::U16, Val::U16(value)) => Value::Int((*value).into()),
        (Ty::S32, Val::S32(value)) => Value::Int((*value).into()),
        (Ty::U32, Val::U32(value)) => Value::Int((*value).into()),
        (Ty::S64, Val::S64(value)) => Value::Int((*value).into()),
        (Ty::U64, Val::U64(value)) => Value::Int((*value).into()),
        (Ty::F32, Val::Float32(value)) => f32_value(value.to_bits()),
        (Ty::F64, Val::Float64(value)) => f64_value(value.to_bits()),
        (Ty::Char, Val::Char(value)) => Value::Char(*value),
        (Ty::String, Val::String(value)) => Value::String(value.clone()),
        (Ty::List(element), Val::List(values))
        | (Ty::FixedLengthList(element, _), Val::FixedLengthList(values)) => {
            Value::List(values.iter().map(|v| from_val(v, element)).collect())
        }
        (Ty::Map(key, value), Val::Map(entries)) => {
            let entries = entries
                .iter()
                .map(|(k, v)| Value::Record(vec![from_val(k, key), from_val(v, value)]));
            Value::List(entries.collect())
        }
        (Ty::Record(types), Val::Record(fields)) => {
            let names: Vec<_> = fields.iter().map(|(name, _)| number(name)).collect();
            assert!(names.iter().copied().eq(0..types.len()), "{names:?}");
            let fields = types.iter().zip(fields);
            Value::Record(fields.map(|(ty, (_, v))| from_val(v, ty)).collect())
        }
        (Ty::Tuple(types), Val::Tuple(values)) => Value::Record(
            types
                .iter()
                .zip(values)
                .map(|(ty, v)| from_val(v, ty))
                .collect(),
        ),
        (Ty::Variant(cases), Val::Variant(name, payload)) => {
            let case = number(name);
            Value::Variant(case, unboxed(payload, cases[case].as_ref()))
        }
        (Ty::Enum(_), Val::Enum(name)) => Value::Variant(number(name), None),
        (Ty::Option(some), Val::Option(payload)) => {
            Value::Variant(usize::from(payload.is_some()), unboxed(payload, Some(some)))
        }
        (Ty::Result(ok, _), Val::Result(Ok(payload))) => {
            Value::Variant(0, unboxed(payload, ok.as_deref()))
        }
        (Ty::Result(_, err), Val::Result(Err(payload))) => {
            Value::Variant(1, unboxed(payload, err.as_deref()))
        }
        (Ty::Flags(_), Val::Flags(set)) => {
            Value::Flags(set.iter().fold(0, |bits, label| bits | 1 << number(label)))
        }
        (ty, val) => panic!("{val:?} is no {ty:?}"),
    }
}
