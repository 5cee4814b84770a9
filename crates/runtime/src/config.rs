//! [`Config`], what an [`Engine`](crate::Engine) is made from.

use crate::vm::{DEFAULT_MAX_WASM_STACK, InstanceAllocationStrategy};
use std::time::Duration;
use threadline_environ::{ContextLowering, Features, Tunables};

/// Some seconds of compilation.
const DEFAULT_MAX_EXPANSION: u64 = 1 << 21;

/// How hard the code generator works.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum OptLevel {
    /// Generate code quickly.
    None,
    /// Generate quick code.
    Speed,
}

/// The options of an [`Engine`](crate::Engine).
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) tunables: Tunables,
    pub(crate) features: Features,
    pub(crate) max_expansion: u64,
    pub(crate) max_wasm_stack: usize,
    pub(crate) allocation: InstanceAllocationStrategy,
    pub(crate) async_stack_size: usize,
    pub(crate) max_async_stacks: usize,
    pub(crate) max_atomic_wait: Option<Duration>,
    pub(crate) max_lifted_bytes: usize,
}

/// The default of [`Config::max_lifted_bytes`].
const DEFAULT_MAX_LIFTED_BYTES: usize = 256 << 20;

impl Default for Config {
    fn default() -> Config {
        Config {
            tunables: Tunables::default(),
            features: Features::default(),
            max_expansion: DEFAULT_MAX_EXPANSION,
            max_wasm_stack: DEFAULT_MAX_WASM_STACK,
            allocation: InstanceAllocationStrategy::default(),
            async_stack_size: 152 << 10,
            max_async_stacks: 10_000,
            max_atomic_wait: Some(Duration::from_secs(60)),
            max_lifted_bytes: DEFAULT_MAX_LIFTED_BYTES,
        }
    }
}

impl Config {
    /// The default options.
    pub fn new() -> Config {
        Config::default()
    }

    /// How `context.get` and `context.set` are compiled.
    pub fn context_lowering(&mut self, lowering: ContextLowering) -> &mut Config {
        self.tunables.context_lowering = lowering;
        self
    }

    /// How many bytes of stack wasm may use, counted from where the host enters it.
    ///
    /// Wasm gets less where the thread's stack is small: a quarter of that is left to host functions, at least
    /// 128 KiB and at most 512 KiB. The default is 512 KiB.
    pub fn max_wasm_stack(&mut self, bytes: usize) -> &mut Config {
        self.max_wasm_stack = bytes;
        self
    }

    /// How many bytes each stack has that wasm of asynchronous calls runs on; the default is
    /// 152 KiB. A multiple of the page size, at least 16 KiB.
    ///
    /// Wasm may use all of it but 24 KiB, which are for trampolines, so none runs on a smaller one, and
    /// [`max_wasm_stack`](Self::max_wasm_stack) holds as everywhere. Host functions that such wasm calls
    /// run on the stack of the thread that resumes it. Only pages that have been used take memory.
    pub fn async_stack_size(&mut self, bytes: usize) -> &mut Config {
        self.async_stack_size = bytes;
        self
    }

    /// How many stacks all stores of the engine may have at once for asynchronous calls; the default
    /// is 10,000. A call that finds none left is an error.
    ///
    /// The most memory they take is this times [`async_stack_size`](Self::async_stack_size). How many a
    /// single store may have is up to [`ResourceLimiter::threads`](crate::ResourceLimiter::threads).
    pub fn max_async_stacks(&mut self, count: usize) -> &mut Config {
        self.max_async_stacks = count;
        self
    }

    /// How many bytes the values may take on the host that a guest passes to it in one call, as
    /// parameters of a host function or as results of its own; the default is 256 MiB. A call that
    /// takes more is an error.
    ///
    /// Lists in a guest's memory can overlap, so values can be larger than the memory by far. Counted
    /// are strings, the elements of lists and maps, and whatever else is allocated for
    /// [`Val`](crate::component::Val)s, as Rust's types lay it out, and some bytes for each allocation.
    /// Names of fields, cases and labels are the type's and not counted.
    ///
    /// Each read of a stream or future by the host, and each copy between guests whose elements have to be
    /// lifted, counts as a call. Such a copy gives small elements back as it goes on: 1 KiB of each
    /// doesn't count.
    pub fn max_lifted_bytes(&mut self, bytes: usize) -> &mut Config {
        self.max_lifted_bytes = bytes;
        self
    }

    /// Where instances get their memories, tables and contexts from; the default is
    /// [`InstanceAllocationStrategy::OnDemand`].
    pub fn allocation_strategy(
        &mut self,
        strategy: impl Into<InstanceAllocationStrategy>,
    ) -> &mut Config {
        self.allocation = strategy.into();
        self
    }

    /// How many bytes of address space are set aside for each linear memory.
    ///
    /// With the default, 4 GiB, accesses to 32-bit memories need no bounds check, and growing moves
    /// them nowhere. 64-bit memories are checked, and move when they outgrow it.
    pub fn memory_reservation(&mut self, bytes: u64) -> &mut Config {
        self.tunables.memory_reservation = bytes;
        self
    }

    /// How many bytes behind each memory's reservation are kept inaccessible.
    pub fn memory_guard_size(&mut self, bytes: u64) -> &mut Config {
        self.tunables.memory_guard_size = bytes;
        self
    }

    /// Whether relaxed SIMD operators give the same results on every machine, those of the
    /// specification's deterministic profile; the default is what this machine does fastest.
    pub fn relaxed_simd_deterministic(&mut self, enable: bool) -> &mut Config {
        self.tunables.relaxed_simd_deterministic = enable;
        self
    }

    /// Whether wasm consumes fuel, so that how long it runs is limited; the default is no.
    ///
    /// What a program consumes depends on nothing but the program. See
    /// [`Store::set_fuel`](crate::Store::set_fuel). Time that is spent in `memory.atomic.wait` is not
    /// counted: see [`max_atomic_wait`](Self::max_atomic_wait).
    pub fn consume_fuel(&mut self, enable: bool) -> &mut Config {
        self.tunables.consume_fuel = enable;
        self
    }

    /// Whether wasm can be interrupted by the passing of epochs; the default is no.
    ///
    /// Cheaper than fuel, but when wasm is interrupted differs from run to run. See
    /// [`Engine::increment_epoch`](crate::Engine::increment_epoch).
    pub fn epoch_interruption(&mut self, enable: bool) -> &mut Config {
        self.tunables.epoch_interruption = enable;
        self
    }

    /// Sets how long one `memory.atomic.wait` may block its thread; the default is 60 seconds, and
    /// `None` is without end.
    ///
    /// A guest that waits longer traps. Where nobody but the waiting store has the memory, nobody can
    /// notify: then a guest that would wait longer traps at once, and so does one without a time-out,
    /// whatever is set here.
    ///
    /// With [`epoch_interruption`](Self::epoch_interruption) nothing of this holds, since every wait
    /// ends at the epoch deadline.
    pub fn max_atomic_wait(&mut self, limit: Option<Duration>) -> &mut Config {
        self.max_atomic_wait = limit;
        self
    }

    /// Whether every NaN that wasm computes has the canonical bits, so that results don't differ
    /// between processors; the default is no, for it costs time.
    pub fn cranelift_nan_canonicalization(&mut self, enable: bool) -> &mut Config {
        self.tunables.nan_canonicalization = enable;
        self
    }

    /// Whether calls of small functions are compiled into their callers; the default is yes. It
    /// changes nothing that can be observed but speed and the size of code, and is not done if fuel
    /// is consumed or the code generator does not optimise.
    pub fn compiler_inlining(&mut self, enable: bool) -> &mut Config {
        self.tunables.inline_calls = enable;
        self
    }

    /// How much the code of one binary may become while it is compiled, counted in instructions,
    /// values and operands, beyond 16 for each byte of the binary; the default is 2,097,152.
    ///
    /// What compilers write comes to about one for a byte. A binary made for it can come to a
    /// thousand times as many; it is refused when it passes this limit, with an error that
    /// says so. Compiling what the default allows takes some seconds.
    pub fn max_expansion(&mut self, count: u64) -> &mut Config {
        self.max_expansion = count;
        self
    }

    /// How hard the code generator works; the default is [`OptLevel::Speed`].
    pub fn cranelift_opt_level(&mut self, level: OptLevel) -> &mut Config {
        self.tunables.optimize = level == OptLevel::Speed;
        self
    }

    /// Whether the code generator checks its intermediate code; the default is to do so in debug
    /// builds.
    pub fn cranelift_debug_verifier(&mut self, enable: bool) -> &mut Config {
        self.tunables.verify_clif = enable;
        self
    }
}
