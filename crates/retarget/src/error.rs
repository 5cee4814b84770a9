//! Why a module can't be retargeted, and what to know about one that was.

use std::fmt;

/// [`std::result::Result`] with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why a module can't be retargeted or made a component.
#[derive(Debug)]
pub enum Error {
    /// The input isn't a valid WebAssembly binary, or uses something newer
    /// than the tools here know.
    Malformed(wasmparser::Error),
    /// The input is a component.
    NotCoreModule,
    /// The input is a relocatable object or a shared library.
    NotLinked {
        /// The custom section that tells.
        section: String,
    },
    /// There is no global that could be the shadow-stack pointer.
    NoStackGlobal,
    /// The global named or chosen can't be the shadow-stack pointer.
    UnfitGlobal {
        /// Its index.
        global: u32,
        /// What is wrong with it.
        reason: UnfitGlobal,
    },
    /// The module uses slot 0 of the context already.
    SlotTaken {
        /// The import's field name.
        import: String,
    },
    /// The module starts threads, which no hook could give a stack.
    StartsThreads {
        /// The import's field name.
        import: String,
    },
    /// The module exports a task hook already.
    HookTaken,
    /// The module has no 32-bit memory at index 0, where a stack could be.
    NoMemory,
    /// A stackful `async` export, and no allocator to take stacks from.
    StackfulWithoutMalloc {
        /// The export's name.
        export: String,
        /// `malloc` or `free`.
        missing: &'static str,
    },
    /// An `async` export with a post-return function, which has no meaning.
    AsyncPostReturn {
        /// The post-return function's name.
        export: String,
    },
    /// A size in [`crate::Options`] is zero, no multiple of 16, or too big.
    StackSize {
        /// The option's name.
        option: &'static str,
        /// The value given.
        bytes: u32,
    },
    /// The binary can't be encoded again.
    Reencode(String),
    /// The module was to carry its world, and doesn't.
    NoEmbeddedWorld,
    /// The WIT can't be read or resolved, or has no such world.
    Wit(anyhow::Error),
    /// `wit-component` can't make a component of this module and world.
    Componentize(anyhow::Error),
}

/// What keeps a global from being the shadow-stack pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnfitGlobal {
    /// The index is out of range.
    Missing,
    /// It is imported, so its value comes from elsewhere.
    Imported,
    /// It is exported, so others could look at it.
    Exported,
    /// It isn't a mutable, unshared `i32`.
    Type,
    /// Its initial value is not one `i32.const`.
    Initializer,
    /// An instruction other than `global.get` and `global.set` uses it.
    OtherUse,
    /// Its initial value leaves no room below for the scratch stack and frames.
    TooSmall {
        /// The initial value.
        stack_top: u32,
        /// The least that would do.
        needed: u32,
    },
    /// Its initial value is beyond the end of the initial memory.
    OutsideMemory {
        /// The initial value.
        stack_top: u32,
    },
}

/// What the user should know about a module that was retargeted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A custom section holds offsets into code that has moved.
    CodeOffsetsMoved {
        /// Its name.
        section: String,
    },
    /// A custom section was left out: its contents would have been wrong, and
    /// an engine could act on them.
    SectionDropped {
        /// Its name.
        section: String,
    },
    /// There is no `__stack_pointer` in the name section; the global was chosen
    /// by position.
    ChosenByPosition {
        /// Its index.
        global: u32,
    },
    /// The module has destructors and no allocator: dropping one of its own
    /// resources while it has live frames traps.
    DestructorWithoutMalloc {
        /// The destructor's export name.
        export: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(e) => write!(f, "not a valid core module: {e}"),
            Self::NotCoreModule => write!(
                f,
                "this is a component, not a core module: retarget the core \
                 module before it is made a component"
            ),
            Self::NotLinked { section } => write!(
                f,
                "custom section `{section}` says that this is an object file or \
                 a shared library: link it first"
            ),
            Self::NoStackGlobal => write!(
                f,
                "no global is named `__stack_pointer`, and no mutable i32 global \
                 is both defined here and unexported: give its index if there is \
                 one; a module without a shadow stack needs no retargeting"
            ),
            Self::UnfitGlobal { global, reason } => {
                write!(f, "global {global} can't be the stack pointer: {reason}")
            }
            Self::SlotTaken { import } => write!(
                f,
                "import `{import}` shows that context slot 0 is in use already: \
                 this module needs no retargeting"
            ),
            Self::StartsThreads { import } => write!(
                f,
                "import `{import}` starts threads, and no hook runs on those \
                 that could give them a stack: build for a target that does"
            ),
            Self::HookTaken => write!(
                f,
                "`__wasm_task_hook` is exported already: this module manages its \
                 stacks itself"
            ),
            Self::NoMemory => write!(
                f,
                "memory 0 is missing or has 64-bit addresses, so a 32-bit shadow \
                 stack can't be in it"
            ),
            Self::StackfulWithoutMalloc { export, missing } => write!(
                f,
                "export `{export}` can be suspended with live frames, so each \
                 call needs a stack of its own, and `{missing}` with malloc's or \
                 free's signature isn't exported: link with \
                 `--export=malloc --export=free`"
            ),
            Self::AsyncPostReturn { export } => write!(
                f,
                "export `{export}` is the post-return function of an async \
                 export, which can't have one: remove it"
            ),
            Self::StackSize { option, bytes } => write!(
                f,
                "option `{option}` is {bytes}: it must be a multiple of 16 from \
                 64 to {}",
                crate::stack_global::MAX_STACK
            ),
            Self::Reencode(e) => write!(f, "the module can't be encoded again: {e}"),
            Self::NoEmbeddedWorld => write!(
                f,
                "the module has no `component-type` section to tell its world: \
                 give the WIT"
            ),
            Self::Wit(e) => write!(f, "the WIT can't be used: {e:#}"),
            Self::Componentize(e) => {
                write!(f, "the module and the world don't make a component: {e:#}")
            }
        }
    }
}

impl fmt::Display for UnfitGlobal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "there is no global of that index"),
            Self::Imported => write!(f, "it is imported: link statically"),
            Self::Exported => write!(
                f,
                "it is exported, and what others read or write there would no \
                 longer be the pointer: link without that export"
            ),
            Self::Type => write!(f, "it isn't a mutable i32"),
            Self::Initializer => write!(f, "its initial value isn't one i32.const"),
            Self::OtherUse => write!(
                f,
                "it is used atomically, which no compiler does with its stack \
                 pointer: name another global"
            ),
            Self::TooSmall { stack_top, needed } => write!(
                f,
                "its initial value {stack_top} is below {needed}, the scratch \
                 stack and a little for frames: link with a bigger stack, set \
                 aside less, or name another global"
            ),
            Self::OutsideMemory { stack_top } => write!(
                f,
                "its initial value {stack_top} is beyond the initial memory: name \
                 another global"
            ),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CodeOffsetsMoved { section } => write!(
                f,
                "custom section `{section}` is kept, but the code it points into \
                 has moved: its addresses are wrong"
            ),
            Self::SectionDropped { section } => write!(
                f,
                "custom section `{section}` is left out: it points into code that \
                 has moved"
            ),
            Self::ChosenByPosition { global } => write!(
                f,
                "no global is named `__stack_pointer`: took global {global}, the \
                 first mutable i32 that is neither imported nor exported"
            ),
            Self::DestructorWithoutMalloc { export } => write!(
                f,
                "`{export}` is a destructor and `malloc` and `free` aren't \
                 exported: if the component drops its own resource while it has \
                 live frames, it traps for want of a second stack"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed(e) => Some(e),
            Self::Wit(e) | Self::Componentize(e) => Some(&**e),
            _ => None,
        }
    }
}
