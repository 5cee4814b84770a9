//! [`HasData`]: which part of a store's data implements the traits of generated bindings.

use std::marker::PhantomData;

/// Says what a function from a store's data to something in it returns, for each lifetime.
///
/// Generated functions `add_to_linker` take such a function, and a type that implements this: the
/// type is [`HasSelf<T>`] if what they get is a reference to a `T`.
///
/// ```
/// use threadline::component::HasData;
///
/// /// Two parts of the data of a store, lent together.
/// struct View<'a> {
///     table: &'a mut Vec<String>,
///     name: &'a str,
/// }
///
/// struct HasView;
///
/// impl HasData for HasView {
///     type Data<'a> = View<'a>;
/// }
/// ```
pub trait HasData: 'static {
    /// What there is of the data for this lifetime.
    type Data<'a>;
}

/// [`HasData`] for references to a `T`.
pub struct HasSelf<T: ?Sized>(PhantomData<fn() -> Box<T>>);

impl<T: ?Sized + 'static> HasData for HasSelf<T> {
    type Data<'a> = &'a mut T;
}
