//! What can be wrong with a set of services.

use std::fmt;

/// A set of services that cannot share a server, with everything that is wrong about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationError {
    /// Every problem found, in a fixed order.
    pub problems: Vec<RegistrationProblem>,
}

/// One thing that is wrong with a set of services. Texts hold Kitex's own wording.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationProblem {
    /// Nothing to serve: no service and no unknown-service handler.
    NoService,
    /// The same service name twice. The package is not part of the name.
    DuplicateService {
        /// The name.
        service: String,
    },
    /// The same method name twice in one service.
    DuplicateMethod {
        /// The service.
        service: String,
        /// The method.
        method: String,
    },
    /// More than one fallback service.
    MultipleFallbacks {
        /// The one registered first.
        first: String,
        /// The one that came after it.
        second: String,
    },
    /// Several services own a method, and none of them is the fallback.
    MethodConflict {
        /// The method.
        method: String,
        /// Its owners, in registration order.
        services: Vec<String>,
    },
    /// A combine service beside another service.
    CombineWithOthers {
        /// The combine service.
        combine: String,
        /// The others.
        others: Vec<String>,
    },
    /// A combine service beside an unknown-service handler.
    CombineWithUnknownHandler {
        /// The combine service.
        combine: String,
    },
    /// A second unknown-service handler.
    MultipleUnknownHandlers,
    /// A service or method with an empty name.
    EmptyName {
        /// The service, empty if its own name is.
        service: String,
    },
}

impl fmt::Display for RegistrationProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoService => f.write_str("run: no service. Use RegisterService to set one"),
            Self::DuplicateService { service } => {
                write!(f, "service [{service}] has already been registered")
            }
            Self::DuplicateMethod { service, method } => {
                write!(f, "method [{method}] stands twice in service [{service}]")
            }
            Self::MultipleFallbacks { first, second } => write!(
                f,
                "multiple fallback services cannot be registered. [{first}] is already registered as a fallback \
                 service, [{second}] cannot be another"
            ),
            Self::MethodConflict { method, services } => write!(
                f,
                "method name [{method}] is conflicted between services but no fallback service is specified: {}",
                services.join(", ")
            ),
            Self::CombineWithOthers { combine, others } => write!(
                f,
                "combine service doesn't support multi services: only one service can be registered when registering \
                 combined service [{combine}], but there is {}",
                others.join(", ")
            ),
            Self::CombineWithUnknownHandler { combine } => {
                write!(f, "combine service doesn't support unknown service: [{combine}]")
            }
            Self::MultipleUnknownHandlers => f.write_str("multiple unknown services cannot be registered"),
            Self::EmptyName { service } if service.is_empty() => f.write_str("a service has an empty name"),
            Self::EmptyName { service } => {
                write!(f, "a method of service [{service}] has an empty name")
            }
        }
    }
}

impl fmt::Display for RegistrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for RegistrationError {}
