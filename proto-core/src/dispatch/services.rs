//! The service table and its lookup.

use std::collections::BTreeMap;

use super::info::{MethodInfo, ServiceInfo};
use super::registration::{RegistrationError, RegistrationProblem};
use crate::exception::{ApplicationException, ExceptionType};

/// Whether a service also answers requests that name no service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceRole {
    /// An ordinary service.
    Ordinary,
    /// Preferred for requests that name no service. At most one.
    Fallback,
    /// Found by its own name alone. Its methods conflict with nobody's, and it can stand beside a combined service.
    Named,
}

/// Whether requests must name a registered service exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// Requests without a service name, or with an unknown one, are matched by method name.
    Lenient,
    /// Refuse traffic without (the right) service name.
    RefuseWithoutServiceName,
}

/// Whether requests that reach no service or method go to a handler of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownHandler {
    /// They are refused.
    Absent,
    /// They go to the unknown-service handler.
    Present,
}

/// A method in a [`Services`] table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MethodRef {
    /// Index of the service, in registration order.
    pub service: u16,
    /// Index of the method in its [`ServiceInfo`].
    pub method: u16,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// To this method.
    Method(MethodRef),
    /// To the unknown-service handler.
    UnknownHandler,
    /// Nowhere: no service matches.
    UnknownService,
    /// Nowhere: no service name, and the server refuses such traffic.
    NoServiceName,
    /// Nowhere: the service is this one, by index, and has no such method.
    UnknownMethod(u16),
}

impl Lookup {
    /// What a request is answered with that goes nowhere; the names are those on the wire.
    #[must_use]
    #[cold]
    pub fn refusal(&self, service: &str, method: &str) -> ApplicationException {
        match self {
            Self::NoServiceName => {
                let text = format!(
                    "unknown service , method {method}: no service name while the server has \
                     WithRefuseTrafficWithoutServiceName option enabled"
                );
                ApplicationException::new(ExceptionType::UNKNOWN_SERVICE, text)
            }
            Self::UnknownService | Self::UnknownHandler => {
                let text = format!("unknown service {service}, method {method}");
                ApplicationException::new(ExceptionType::UNKNOWN_SERVICE, text)
            }
            Self::UnknownMethod(_) | Self::Method(_) => {
                let text = format!("unknown method {method} (service {service})");
                ApplicationException::new(ExceptionType::UNKNOWN_METHOD, text)
            }
        }
    }
}

/// The immutable table of services that one server answers for.
#[derive(Debug, Clone)]
pub struct Services {
    services: Vec<Entry>,
    by_name: Names<u16>,
    /// For each method name the answer when no service name is given, and the owner if there is exactly one.
    by_method: Names<Owners>,
    combine: Option<u16>,
    strictness: Strictness,
    unknown: UnknownHandler,
}

#[derive(Debug, Clone)]
struct Entry {
    info: ServiceInfo,
    role: ServiceRole,
    methods: Names<u16>,
}

/// Values by name, names as the bytes they are on the wire.
type Names<T> = BTreeMap<Box<[u8]>, T>;

#[derive(Debug, Clone, Copy)]
struct Owners {
    /// The fallback service's method if it owns one, else the first owner's.
    preferred: MethodRef,
    unique: bool,
}

impl Services {
    /// An empty table to fill.
    #[must_use]
    pub const fn builder() -> ServicesBuilder {
        ServicesBuilder {
            services: Vec::new(),
            strictness: Strictness::Lenient,
            unknown_handlers: 0,
        }
    }

    /// Where a ping-pong request goes: `service` is the name on the wire, empty when there is none.
    #[must_use]
    pub fn lookup(&self, service: impl AsRef<[u8]>, method: impl AsRef<[u8]>) -> Lookup {
        self.find(service.as_ref(), method.as_ref())
    }

    /// Where a stream or gRPC call goes, which names its service exactly: no search by method name, and a combined
    /// service is reached under its own name.
    #[must_use]
    pub fn lookup_exact(&self, service: impl AsRef<[u8]>, method: impl AsRef<[u8]>) -> Lookup {
        match self.by_name.get(service.as_ref()) {
            Some(&index) => self.in_service(index, method.as_ref()),
            None => self.nowhere(Lookup::UnknownService),
        }
    }

    /// Whether `method` is what [`Self::lookup`] finds for these names, when it was found before for a request that
    /// named a service as this one does (or did not, as this one does not). Cheaper than a lookup.
    #[inline]
    pub(crate) fn is_again(&self, method: MethodRef, service: &[u8], name: &[u8]) -> bool {
        self.services.get(usize::from(method.service)).is_some_and(|entry| {
            let known = entry.info.methods.get(usize::from(method.method));
            known.is_some_and(|known| known.name.as_bytes() == name)
                && (service.is_empty() || entry.info.name.as_bytes() == service)
        })
    }

    fn find(&self, service: &[u8], method: &[u8]) -> Lookup {
        if let Some(combine) = self.combine {
            let index = self.by_name.get(service).copied().unwrap_or(combine);
            return self.method_of(index, method).unwrap_or(Lookup::UnknownMethod(index));
        }
        if self.strictness == Strictness::RefuseWithoutServiceName {
            return match self.by_name.get(service) {
                Some(&index) => self.in_service(index, method),
                None => self.nowhere(if service.is_empty() {
                    Lookup::NoServiceName
                } else {
                    Lookup::UnknownService
                }),
            };
        }
        if service.is_empty() {
            return match self.by_method.get(method) {
                Some(owners) => Lookup::Method(owners.preferred),
                None => self.nowhere(Lookup::UnknownService),
            };
        }
        if let Some(&index) = self.by_name.get(service) {
            return self.in_service(index, method);
        }
        match self.by_method.get(method) {
            Some(owners) if owners.unique => Lookup::Method(owners.preferred),
            _ => self.nowhere(Lookup::UnknownService),
        }
    }

    /// A table of these services, without fallback and other options; see [`Self::builder`] for those.
    ///
    /// # Errors
    /// A [`RegistrationError`] that lists everything that is wrong.
    pub fn of(services: &[&ServiceInfo]) -> Result<Self, RegistrationError> {
        let mut table = Self::builder();
        for service in services {
            table.add((*service).clone(), ServiceRole::Ordinary);
        }
        table.build()
    }

    /// The services, in registration order.
    pub fn iter(&self) -> impl Iterator<Item = &ServiceInfo> {
        self.services.iter().map(|entry| &entry.info)
    }

    /// The services as they were registered, in that order.
    pub(crate) fn declared(&self) -> impl ExactSizeIterator<Item = (&ServiceInfo, ServiceRole)> {
        self.services.iter().map(|entry| (&entry.info, entry.role))
    }

    pub(crate) const fn strictness(&self) -> Strictness {
        self.strictness
    }

    pub(crate) const fn unknown_handler(&self) -> UnknownHandler {
        self.unknown
    }

    /// The service at `index`.
    #[must_use]
    pub fn service(&self, index: u16) -> Option<&ServiceInfo> {
        self.services.get(usize::from(index)).map(|entry| &entry.info)
    }

    /// The service and method behind `method`.
    #[must_use]
    pub fn method(&self, method: MethodRef) -> Option<(&ServiceInfo, &MethodInfo)> {
        let service = self.service(method.service)?;
        Some((service, service.methods.get(usize::from(method.method))?))
    }

    fn in_service(&self, index: u16, method: &[u8]) -> Lookup {
        match self.method_of(index, method) {
            Some(found) => found,
            None => self.nowhere(Lookup::UnknownMethod(index)),
        }
    }

    fn method_of(&self, index: u16, method: &[u8]) -> Option<Lookup> {
        let entry = self.services.get(usize::from(index))?;
        entry
            .methods
            .get(method)
            .map(|&method| Lookup::Method(MethodRef { service: index, method }))
    }

    const fn nowhere(&self, refusal: Lookup) -> Lookup {
        match self.unknown {
            UnknownHandler::Present => Lookup::UnknownHandler,
            UnknownHandler::Absent => refusal,
        }
    }
}

/// Collects services; [`Self::build`] checks them all at once.
#[derive(Debug, Clone)]
pub struct ServicesBuilder {
    services: Vec<(ServiceInfo, ServiceRole)>,
    strictness: Strictness,
    unknown_handlers: usize,
}

impl ServicesBuilder {
    /// Adds a service.
    pub fn add(&mut self, info: ServiceInfo, role: ServiceRole) -> &mut Self {
        self.services.push((info, role));
        self
    }

    /// Sets whether requests must name a registered service.
    pub const fn strictness(&mut self, strictness: Strictness) -> &mut Self {
        self.strictness = strictness;
        self
    }

    /// Announces an unknown-service handler. A second one is a problem that [`Self::build`] reports.
    pub const fn unknown_handler(&mut self) -> &mut Self {
        self.unknown_handlers += 1;
        self
    }

    /// Checks the services and makes the table.
    ///
    /// # Errors
    /// A [`RegistrationError`] that lists everything that is wrong.
    pub fn build(&self) -> Result<Services, RegistrationError> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(RegistrationError { problems });
        }
        let mut table = Services {
            services: Vec::with_capacity(self.services.len()),
            by_name: Names::new(),
            by_method: Names::new(),
            combine: None,
            strictness: self.strictness,
            unknown: if self.unknown_handlers > 0 {
                UnknownHandler::Present
            } else {
                UnknownHandler::Absent
            },
        };
        for (index, (info, role)) in (0u16..).zip(&self.services) {
            let mut methods = Names::new();
            for (method, declared) in (0u16..).zip(info.methods.iter()) {
                methods.insert(declared.name.as_bytes().into(), method);
                if *role == ServiceRole::Named {
                    continue;
                }
                let here = MethodRef { service: index, method };
                table
                    .by_method
                    .entry(declared.name.as_bytes().into())
                    .and_modify(|owners| {
                        owners.unique = false;
                        if *role == ServiceRole::Fallback {
                            owners.preferred = here;
                        }
                    })
                    .or_insert(Owners {
                        preferred: here,
                        unique: true,
                    });
            }
            if info.combine {
                table.combine = Some(index);
            }
            table.by_name.insert(info.name.as_bytes().into(), index);
            table.services.push(Entry {
                info: info.clone(),
                role: *role,
                methods,
            });
        }
        Ok(table)
    }

    fn problems(&self) -> Vec<RegistrationProblem> {
        let mut problems = Vec::new();
        if self.services.is_empty() && self.unknown_handlers == 0 {
            problems.push(RegistrationProblem::NoService);
        }
        self.check_names(&mut problems);
        self.check_fallbacks(&mut problems);
        self.check_combine(&mut problems);
        self.check_conflicts(&mut problems);
        if self.unknown_handlers > 1 {
            problems.push(RegistrationProblem::MultipleUnknownHandlers);
        }
        problems
    }

    fn check_names(&self, problems: &mut Vec<RegistrationProblem>) {
        for (index, (info, _)) in self.services.iter().enumerate() {
            let name = info.name.to_string();
            if name.is_empty() {
                problems.push(RegistrationProblem::EmptyName { service: name.clone() });
            } else if self
                .services
                .iter()
                .take(index)
                .any(|(earlier, _)| earlier.name == info.name)
            {
                problems.push(RegistrationProblem::DuplicateService { service: name.clone() });
            }
            for (at, method) in info.methods.iter().enumerate() {
                if method.name.is_empty() {
                    problems.push(RegistrationProblem::EmptyName { service: name.clone() });
                } else if info.methods.iter().take(at).any(|earlier| earlier.name == method.name) {
                    let method = method.name.to_string();
                    problems.push(RegistrationProblem::DuplicateMethod {
                        service: name.clone(),
                        method,
                    });
                }
            }
        }
    }

    fn check_fallbacks(&self, problems: &mut Vec<RegistrationProblem>) {
        let mut fallbacks = self.services.iter().filter(|(_, role)| *role == ServiceRole::Fallback);
        if let Some((first, _)) = fallbacks.next() {
            problems.extend(fallbacks.map(|(second, _)| RegistrationProblem::MultipleFallbacks {
                first: first.name.to_string(),
                second: second.name.to_string(),
            }));
        }
    }

    fn check_combine(&self, problems: &mut Vec<RegistrationProblem>) {
        for (index, (info, _)) in self.services.iter().enumerate().filter(|(_, (info, _))| info.combine) {
            let combine = info.name.to_string();
            let others: Vec<_> = self
                .services
                .iter()
                .enumerate()
                .filter(|(other, (_, role))| *other != index && *role != ServiceRole::Named)
                .map(|(_, (other, _))| other.name.to_string())
                .collect();
            if !others.is_empty() {
                problems.push(RegistrationProblem::CombineWithOthers {
                    combine: combine.clone(),
                    others,
                });
            }
            if self.unknown_handlers > 0 {
                problems.push(RegistrationProblem::CombineWithUnknownHandler { combine });
            }
        }
    }

    fn check_conflicts(&self, problems: &mut Vec<RegistrationProblem>) {
        if self.strictness == Strictness::RefuseWithoutServiceName {
            return;
        }
        let mut owners: BTreeMap<&str, Vec<&(ServiceInfo, ServiceRole)>> = BTreeMap::new();
        let found_by_method = |(info, role): &&(ServiceInfo, ServiceRole)| !info.combine && *role != ServiceRole::Named;
        for service in self.services.iter().filter(found_by_method) {
            for method in service.0.methods.iter() {
                owners.entry(&method.name).or_default().push(service);
            }
        }
        for (method, services) in owners {
            let mut names: Vec<_> = services.iter().map(|(info, _)| info.name.to_string()).collect();
            names.dedup();
            if names.len() > 1 && !services.iter().any(|(_, role)| *role == ServiceRole::Fallback) {
                problems.push(RegistrationProblem::MethodConflict {
                    method: method.to_owned(),
                    services: names,
                });
            }
        }
    }
}
