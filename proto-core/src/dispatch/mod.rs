//! Which service and method a request reaches: an immutable table, checked when it is built.

mod info;
mod registration;
mod services;

pub use info::{MethodInfo, MethodKind, ServiceInfo};
pub use registration::{RegistrationError, RegistrationProblem};
pub use services::{Lookup, MethodRef, ServiceRole, Services, ServicesBuilder, Strictness, UnknownHandler};

#[cfg(test)]
mod tests;
