//! Collecting the names of all files.

use super::scope::{Declared, Scope};
use crate::model::Definition;
use crate::report::{Problem, Problems};
use crate::thrift::{Unit, UnitId, ast};

pub(super) fn declare<'a>(units: &'a [Unit], problems: &mut Problems) -> Scope<'a> {
    let mut scope = Scope::default();
    for (index, unit) in units.iter().enumerate() {
        scope.names.push(Default::default());
        for definition in &unit.file.definitions {
            let declared = Declared {
                unit: UnitId(index),
                definition,
            };
            let item = enter(&mut scope, declared);
            let name = &definition.name;
            if is_reserved(&name.text) {
                problems.push(Problem::new(
                    name.span,
                    format!("`{}` has a meaning in Thrift already", name.text),
                ));
            }
            if let Some(first) = scope.names[index].get(name.text.as_str()) {
                let first = scope.declared(*first).definition.name.span;
                let problem = Problem::new(name.span, format!("`{}` is defined twice", name.text))
                    .note(first, "first defined here");
                problems.push(problem);
            } else {
                scope.names[index].insert(&name.text, item);
            }
        }
    }
    scope
}

fn enter<'a>(scope: &mut Scope<'a>, declared: Declared<'a>) -> Definition {
    let (list, item): (_, fn(usize) -> Definition) = match declared.definition.kind {
        ast::DefinitionKind::Typedef(_) => (&mut scope.typedefs, Definition::Typedef),
        ast::DefinitionKind::Enum(_) => (&mut scope.enums, Definition::Enum),
        ast::DefinitionKind::Struct(_) | ast::DefinitionKind::Union(_) | ast::DefinitionKind::Exception(_) => {
            (&mut scope.structs, Definition::Struct)
        }
        ast::DefinitionKind::Const { .. } => (&mut scope.constants, Definition::Constant),
        ast::DefinitionKind::Service(_) => (&mut scope.services, Definition::Service),
    };
    list.push(declared);
    item(list.len() - 1)
}

fn is_reserved(name: &str) -> bool {
    ast::Base::from_keyword(name).is_some() || matches!(name, "list" | "set" | "map" | "void" | "true" | "false")
}
