//! Components: compiling, linking, instantiating and calling them.
//!
//! ```text
//! Component ──▶ Linker::instantiate ──▶ Instance ──▶ Func / TypedFunc ──▶ call
//!                    ▲ host functions
//! ```
//!
//! Values cross the border in one of two ways: as Rust's types ([`Lift`], [`Lower`]), compared
//! with the component's once, or as [`Val`]s, compared in each call. How they are laid out is in
//! `crate::canonical_abi`; the contexts that compiled code sees are in `crate::vm`.
//!
//! # Bindings
//!
//! With the feature `component-macro`, which is on by default, `bindgen!` generates types, traits and
//! methods from WIT, and `#[derive(ComponentType, Lift, Lower)]` and `flags!` make types of one's
//! own stand for a component's.
//!
//! ```
//! # #[cfg(feature = "component-macro")]
//! # mod example {
//! use threadline::component::{Component, HasSelf, Linker, bindgen};
//! use threadline::{Engine, Store};
//!
//! bindgen!({
//!     inline: r#"
//!         package docs:doubling;
//!
//!         world doubling {
//!             import numbers: interface {
//!                 double: func(n: u32) -> u32;
//!             }
//!             export run: func(n: u32) -> u32;
//!         }
//!     "#,
//! });
//!
//! #[derive(Default)]
//! struct Host {
//!     calls: u32,
//! }
//!
//! impl numbers::Host for Host {
//!     fn double(&mut self, n: u32) -> u32 {
//!         self.calls += 1;
//!         2 * n
//!     }
//! }
//!
//! # pub
//! fn main() -> anyhow::Result<()> {
//!     let engine = Engine::default();
//!     let component = Component::new(&engine, r#"(component
//!         (import "numbers" (instance $numbers
//!             (export "double" (func (param "n" u32) (result u32)))))
//!         (core func $double (canon lower (func $numbers "double")))
//!         (core module $m
//!             (import "numbers" "double" (func $double (param i32) (result i32)))
//!             (func (export "run") (param i32) (result i32)
//!                 (i32.add (call $double (local.get 0)) (i32.const 1))))
//!         (core instance $i (instantiate $m
//!             (with "numbers" (instance (export "double" (func $double))))))
//!         (func (export "run") (param "n" u32) (result u32)
//!             (canon lift (core func $i "run"))))"#)?;
//!
//!     let mut linker = Linker::new(&engine);
//!     Doubling::add_to_linker::<_, HasSelf<_>>(&mut linker, |host| host)?;
//!     let mut store = Store::new(&engine, Host::default());
//!     let doubling = Doubling::instantiate(&mut store, &component, &linker)?;
//!     assert_eq!(doubling.call_run(&mut store, 20)?, 41);
//!     assert_eq!(store.data().calls, 1);
//!     Ok(())
//! }
//! # }
//! # #[cfg(feature = "component-macro")]
//! # fn main() -> anyhow::Result<()> { example::main() }
//! # #[cfg(not(feature = "component-macro"))]
//! # fn main() {}
//! ```
//!
//! # Functions that wait
//!
//! | a host function defined by | while it waits | has the store |
//! |---|---|---|
//! | [`func_wrap`](LinkerInstance::func_wrap) | it can't | as long as it lasts |
//! | [`func_wrap_async`](LinkerInstance::func_wrap_async) | everything in the store does | as long as it lasts |
//! | [`func_wrap_concurrent`](LinkerInstance::func_wrap_concurrent) | the guest thread that called does, if it likes | from time to time, by an [`Accessor`] |
//!
//! A guest that can wait for them is called by [`TypedFunc::call_async`], one call at a time, or by
//! [`TypedFunc::call_concurrent`] in [`Store::run_concurrent`](crate::Store::run_concurrent), many at a time. No
//! executor is needed, and any will do.
//!
//! # Streams
//!
//! A [`StreamReader`] is the readable end of a stream as a value. The host gives guests streams of
//! [vectors](StreamReader::from_vec), [iterators](StreamReader::from_iter), [channels](StreamReader::channel)
//! and whatever is a [`StreamProducer`]; those that it is given it [pipes](StreamReader::pipe) to a
//! [`StreamConsumer`], or [receives](StreamReader::receive) elsewhere. With the features `tokio` and `futures`,
//! there are producers and consumers for the I/O traits of these crates, and both ends of channels are
//! such readers and writers themselves.
//!
//! # Traps
//!
//! A trap locks the instance that the host called, with everything nested in it: each further
//! call into it is a trap. Other instances of the store go on.

mod accessor;
mod async_host_func;
#[cfg(feature = "component-macro")]
#[doc(hidden)]
pub mod bindgen;
#[expect(
    clippy::module_inception,
    reason = "a file is named after the noun it is about"
)]
mod component;
mod component_check;
mod concurrency_counts;
mod concurrent_host_func;
#[doc(hidden)]
pub mod derive;
mod destructor;
mod end_any;
mod error;
mod error_context;
mod export;
mod func;
mod guest_func;
mod has_data;
mod host_func;
mod import_check;
mod instance;
mod instance_pre;
mod instantiate;
mod linked;
mod linker;
mod module_check;
mod resource;
mod resource_table;
mod resource_type;
mod run_concurrent;
mod same_type;
mod stream;
mod stream_adapters;
#[cfg(any(feature = "futures", feature = "tokio"))]
mod stream_async_io;
#[cfg(feature = "futures")]
mod stream_futures;
mod stream_io;
#[cfg(feature = "tokio")]
mod stream_tokio;
mod task_caller;
mod type_check;
mod typed_func;
pub mod types;
mod val;
mod version;

pub use self::component::Component;
pub use crate::canonical_abi::{ComponentNamedList, ComponentType, Lift, Lower, WasmList, WasmStr};
#[doc(hidden)]
pub use crate::canonical_abi::{LiftContext, LowerContext, TypeAbi, TypeContext, TypeMismatch};
pub use crate::concurrent::{Deadlock, WaitingThread};
pub use accessor::{Access, Accessor, CancelRequested, Cancelled, JoinHandle};
pub use concurrency_counts::ConcurrencyCounts;
pub use end_any::{FutureAny, StreamAny};
pub use error::ComponentError;
pub use error_context::ErrorContext;
pub(crate) use export::export_name;
pub use export::{ComponentExportIndex, ExportLookup};
pub use func::Func;
pub use has_data::{HasData, HasSelf};
pub use instance::Instance;
pub use instance_pre::InstancePre;
pub use linker::{Linker, LinkerInstance};
pub use resource::{Resource, ResourceAny};
pub use resource_table::{ResourceTable, ResourceTableError};
pub use resource_type::ResourceType;
pub use run_concurrent::{CallCanceller, ConcurrentCall};
pub use stream::{FutureReader, StreamReader};
pub use stream_adapters::{StreamReceiver, StreamSender};
#[cfg(any(feature = "futures", feature = "tokio"))]
pub use stream_async_io::{AsyncReadProducer, AsyncWriteConsumer, IoOutcome};
pub use stream_io::{Closed, Destination, Source, StreamConsumer, StreamProducer, StreamState};
pub use threadline_environ::component::Name;
pub use typed_func::TypedFunc;
pub use types::Type;
pub use val::Val;

#[cfg(feature = "component-macro")]
pub use threadline_macro::{ComponentType, Lift, Lower, bindgen, flags};

pub(crate) use self::component::CompiledComponent;
pub(crate) use destructor::{destroy_imported, handle_error, other_handle_error};
pub(crate) use end_any::end_type;
pub(crate) use func::LiftedFunc;
pub(crate) use import_check::Found;
pub(crate) use resource_type::{HostType, ResourceTypeId};
pub(crate) use types::describe as describe_type;
