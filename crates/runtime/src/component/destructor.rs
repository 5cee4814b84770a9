//! Destructors, when the host calls them; and what is wrong with a handle, in words.
//!
//! A destructor is a call of its own into the instance that defines the type: on a new thread,
//! and a trap in it locks that instance. Where a component drops a resource of its own types,
//! compiled code makes the call.

use super::func::LockOnFailure;
use super::resource_type::ResourceTypeId;
use crate::bug::bug;
use crate::concurrent::StartTask;
use crate::store::{StoreOpaque, StoreResourceType};
use crate::trap::Trap;
use crate::vm::{ComponentInstancePtr, Dtor, HandleFault, OtherKind, ThreadKind, val_raw};
use anyhow::Result;
use threadline_environ::ResourceIndex;
use threadline_environ::component::ResourceOrigin;

/// Destroys a resource that the host owned.
pub(super) fn destroy(store: &mut StoreOpaque, ty: ResourceTypeId, rep: u32) -> Result<()> {
    match store.resources.get(ty) {
        Some(StoreResourceType::Host { dtor, .. }) => match dtor.clone() {
            Some(dtor) => dtor.call(store, rep),
            None => Ok(()),
        },
        Some(&StoreResourceType::Guest {
            instance, index, ..
        }) => destroy_in(store, instance, index, rep),
        None => Err(bug!("a resource of a type that no one made").into()),
    }
}

/// Destroys a resource that an instance owned, whose type it imports.
pub(crate) fn destroy_imported(
    store: &mut StoreOpaque,
    owner: ComponentInstancePtr,
    index: ResourceIndex,
    rep: u32,
) -> Result<()> {
    let resource = owner.resource(index);
    let resource = resource.ok_or_else(|| bug!("{index} is used before it is made"))?;
    match &resource.dtor {
        Dtor::None => Ok(()),
        Dtor::Host(dtor) => dtor.call(store, rep),
        Dtor::Guest(_) | Dtor::Elsewhere => destroy(store, resource.id, rep),
    }
}

/// Calls the destructor of the instance that defines a type, if it has one.
fn destroy_in(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    index: ResourceIndex,
    rep: u32,
) -> Result<()> {
    let Some(Dtor::Guest(dtor)) = instance.resource(index).map(|resource| &resource.dtor) else {
        return Ok(());
    };
    if instance.is_locked() {
        return Err(Trap::CannotEnterComponent.into());
    }
    let description = instance.description();
    if let ResourceOrigin::Defined {
        instance: owner, ..
    } = description.resources[index].origin
        && description.makes_tasks[owner]
    {
        return store.start_task(StartTask {
            instance,
            owner,
            func: *dtor,
            arg: Some(rep),
        });
    }
    let lock = LockOnFailure::new(instance);
    let mut thread = instance.begin_thread(store);
    let mut slots = [val_raw::from_i32(rep as i32)];
    dtor.call(thread.store().store, ThreadKind::Same, &mut slots)?;
    lock.all_well();
    Ok(())
}

/// The trap for a handle of which something else was expected: which handle, and what it is.
pub(crate) fn handle_error(
    store: &StoreOpaque,
    handle: u32,
    expected: ResourceTypeId,
    fault: HandleFault,
) -> anyhow::Error {
    let error = anyhow::Error::from(Trap::from(fault));
    match fault {
        HandleFault::Unknown => error.context(format!("unknown handle index {handle}")),
        HandleFault::Type(found) => error.context(wrong_type(store, handle, expected, found)),
        HandleFault::Lent | HandleFault::Borrowed | HandleFault::TooManyLends => error,
    }
}

/// The trap for an index of something else than a resource.
pub(crate) fn other_handle_error(
    index: u32,
    expected: &[OtherKind],
    fault: HandleFault,
) -> anyhow::Error {
    let error = anyhow::Error::from(Trap::from(fault));
    match fault {
        HandleFault::Unknown => error.context(format!("unknown handle index {index}")),
        _ => {
            let names = expected.iter().map(|kind| kind.name());
            let names: Vec<_> = names.collect();
            error.context(format!(
                "handle index {index} used with the wrong type, expected a {}",
                names.join(" or a ")
            ))
        }
    }
}

fn wrong_type(
    store: &StoreOpaque,
    handle: u32,
    expected: ResourceTypeId,
    found: Option<ResourceTypeId>,
) -> String {
    let kind = |ty| match store.resources.as_host(ty) {
        Some(_) => "host-defined",
        None => "guest-defined",
    };
    let name = |ty| {
        let ty = store.resources.public(store.id(), ty);
        ty.map_or_else(String::new, |ty| ty.to_string())
    };
    let found_words = match found {
        Some(found) if kind(found) == kind(expected) => {
            format!("a different {} resource", kind(found))
        }
        Some(found) => format!("a {} resource", kind(found)),
        None => "no resource".to_owned(),
    };
    let mut message = format!(
        "handle index {handle} used with the wrong type, expected {} resource but found \
         {found_words}",
        kind(expected),
    );
    if let Some(found) = found {
        message += &format!(" (expected `{}`, found `{}`)", name(expected), name(found));
    }
    message
}
