//! Services and their methods.

use std::collections::BTreeMap;

use super::Checker;
use super::attributes::Place;
use super::recursion::components;
use super::scope::{Declared, Found};
use super::structs::Role;
use crate::model::{Definition, Method, MethodKind, Service};
use crate::report::Problem;
use crate::source::Span;
use crate::thrift::{UnitId, ast};

impl Checker<'_> {
    pub(super) fn services(&mut self) {
        for declared in self.scope.services.clone() {
            let ast::DefinitionKind::Service(service) = &declared.definition.kind else {
                continue;
            };
            let service = self.service(declared, service);
            self.model.services.push(service);
        }
        self.inheritance();
        for service in 0..self.model.services.len() {
            self.unique_methods(service);
        }
        self.combined();
    }

    fn service(&mut self, declared: Declared<'_>, service: &ast::Service) -> Service {
        let attributes = self.attributes(&declared.definition.annotations, Place::Other);
        let parent = service
            .parent
            .as_ref()
            .and_then(|parent| self.parent(declared.unit, parent));
        let methods = service
            .functions
            .iter()
            .filter_map(|function| self.method(declared.unit, function))
            .collect();
        Service {
            head: self.head(declared, &attributes),
            methods,
            parent,
        }
    }

    fn parent(&mut self, unit: UnitId, name: &ast::Name) -> Option<usize> {
        match self.find(unit, &name.text) {
            Found::Definition(Definition::Service(index)) => return Some(index),
            Found::Definition(other) => {
                let there = self.scope.declared(other).definition.name.span;
                let problem = Problem::new(name.span, format!("`{}` is not a service", name.text));
                self.problems.push(problem.note(there, "defined here"));
            }
            Found::Nothing => self.unknown(unit, "service", &name.text, name.span),
            Found::Missing => {}
        }
        None
    }

    fn method(&mut self, unit: UnitId, function: &ast::Function) -> Option<Method> {
        let attributes = self.attributes(&function.annotations, Place::Function);
        let kind = match (attributes.streaming, function.oneway) {
            (Some((kind, span)), None) => {
                self.check_streaming(function, span);
                kind
            }
            (Some((_, span)), Some(oneway)) => {
                let problem = Problem::new(span, "a oneway method cannot stream").note(oneway, "it is oneway");
                self.problems.push(problem);
                MethodKind::Oneway
            }
            (None, Some(oneway)) => {
                self.check_oneway(function, oneway);
                MethodKind::Oneway
            }
            (None, None) => MethodKind::Unary,
        };
        let style = self.style(&attributes);
        let result = match &function.result {
            Some(ty) => {
                self.demanded(unit, ty, &[]);
                let ty = self.ty(unit, ty, style)?;
                Some(self.fitted(&ty))
            }
            None => None,
        };
        let method = Method {
            name: function.name.text.clone(),
            rename: attributes.rename,
            span: function.name.span,
            docs: function.docs.clone(),
            kind,
            parameters: self.method_fields(unit, &function.parameters, Role::Parameters),
            result,
            throws: self.method_fields(unit, &function.throws, Role::Throws),
        };
        self.check_messages(&method, function);
        Some(method)
    }

    fn method_fields(&mut self, unit: UnitId, fields: &[ast::Field], role: Role) -> Vec<crate::model::Field> {
        let mut checked = self.fields(unit, fields, role);
        self.defaults(unit, fields, &mut checked);
        fields
            .iter()
            .for_each(|field| self.demanded(unit, &field.ty, &field.annotations));
        for field in &mut checked {
            field.ty = self.fitted(&field.ty);
        }
        checked
    }

    fn check_oneway(&mut self, function: &ast::Function, oneway: Span) {
        if function.result.is_some() {
            let problem = Problem::new(function.result_span, "a oneway method has no result").label("must be `void`");
            self.problems.push(problem.note(oneway, "it is oneway"));
        }
        if let Some(thrown) = function.throws.first() {
            let problem = Problem::new(thrown.ty.span, "a oneway method cannot throw").note(oneway, "it is oneway");
            self.problems.push(problem);
        }
    }

    /// Reports services that are their own parents, and cuts them loose.
    fn inheritance(&mut self) {
        let parent = |service: &Service| service.parent.into_iter().collect::<Vec<_>>();
        let edges: Vec<Vec<usize>> = self.model.services.iter().map(parent).collect();
        let component = components(&edges);
        for (index, parents) in edges.iter().enumerate() {
            if parents.iter().any(|parent| component[*parent] == component[index]) {
                let span = self.model.services[index].head.span;
                self.problem(span, "service extends itself");
                self.model.services[index].parent = None;
            }
        }
    }

    /// Method names are unique in a service, its parents included.
    fn unique_methods(&mut self, service: usize) {
        let (own, inherited): (Vec<_>, Vec<_>) = self
            .model
            .methods(service)
            .into_iter()
            .partition(|(owner, _)| *owner == service);
        let mut names: BTreeMap<&str, Span> = inherited
            .iter()
            .map(|(_, method)| (method.name.as_str(), method.span))
            .collect();
        for (_, method) in own {
            if let Some(first) = names.insert(&method.name, method.span) {
                let problem = Problem::new(method.span, format!("method `{}` is defined twice", method.name));
                self.problems.push(problem.note(first, "first defined here"));
            }
        }
    }

    /// The services of the main file can be combined only if their methods have different names.
    fn combined(&mut self) {
        if !self
            .model
            .units
            .first()
            .is_some_and(|main| main.combine || self.options.combines())
        {
            return;
        }
        let main = UnitId(0);
        let mut owners: BTreeMap<String, (usize, Span, String)> = BTreeMap::new();
        let mut found = Vec::new();
        for index in 0..self.model.services.len() {
            let service = &self.model.services[index];
            if service.head.unit != main {
                continue;
            }
            if service.head.name == "CombineService" {
                found.push(Problem::new(
                    service.head.span,
                    "`CombineService` is the name of the combined service",
                ));
            }
            for (owner, method) in self.model.methods(index) {
                let name = service.head.name.clone();
                match owners.get(&method.name) {
                    // Two services may have a parent in common.
                    Some((first, ..)) if *first == owner => {}
                    Some((_, span, first)) => found.push(
                        Problem::new(
                            method.span,
                            format!(
                                "cannot combine `{first}` and `{name}`: both have a method `{}`",
                                method.name
                            ),
                        )
                        .note(*span, format!("the one of `{first}`")),
                    ),
                    None => {
                        owners.insert(method.name.clone(), (owner, method.span, name));
                    }
                }
            }
        }
        found.into_iter().for_each(|problem| self.problems.push(problem));
    }
}
