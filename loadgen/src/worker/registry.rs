//! Workflow and activity types under names that are known only when the program runs.
//!
//! The SDK takes a type's name from a function without arguments (`WorkflowImplementation::definition`,
//! `ExecutableActivity::definition`) and calls it once, when the type is registered. One generic type is registered here
//! under every name of the profile: the name is put where that function finds it for as long as one registration lasts.
//! Updates are different: the SDK asks for the names of a type's updates whenever one comes, so they are kept for good,
//! those of all profiles that this process ever ran.

use std::cell::RefCell;
use std::collections::BTreeSet;

use parking_lot::RwLock;

thread_local! {
    static REGISTERING: RefCell<String> = const { RefCell::new(String::new()) };
}

static UPDATES: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());

/// Registers a type under this name.
pub(super) fn under_name<T>(name: &str, register: impl FnOnce() -> T) -> T {
    REGISTERING.with_borrow_mut(|current| name.clone_into(current));
    let registered = register();
    REGISTERING.with_borrow_mut(String::clear);
    registered
}

/// The name that is being registered.
pub(super) fn name() -> String {
    REGISTERING.with_borrow(String::clone)
}

/// Makes updates of these names known.
pub(super) fn add_updates<'a>(names: impl IntoIterator<Item = &'a str>) {
    UPDATES.write().extend(names.into_iter().map(str::to_owned));
}

/// The updates that are known.
pub(super) fn updates() -> Vec<String> {
    UPDATES.read().iter().cloned().collect()
}
