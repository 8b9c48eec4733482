//! The Rust name of everything in a model.

use std::collections::BTreeMap;

use super::words::{Taken, camel, screaming, snake, variant};
use crate::model::{Definition, Enum, Field, Head, Method, Model};
use crate::thrift::stem;

/// Rust names, by the indices of the model.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Modules of the files; the main one has none.
    pub(super) units: Vec<String>,
    /// Types that each file defines.
    pub(super) taken: Vec<Taken>,
    pub(super) typedefs: Vec<String>,
    pub(super) enums: Vec<EnumNames>,
    pub(super) structs: Vec<StructNames>,
    pub(super) constants: Vec<String>,
    pub(super) services: Vec<ServiceNames>,
    /// The service that combines those of the main file.
    pub(super) combined: Option<ServiceNames>,
}

#[derive(Debug, Default)]
pub(super) struct EnumNames {
    pub(super) name: String,
    pub(super) variants: Vec<String>,
    /// The variant for other numbers.
    pub(super) other: String,
}

#[derive(Debug, Default)]
pub(super) struct StructNames {
    pub(super) name: String,
    /// Of fields, or of a union's variants.
    pub(super) fields: Vec<String>,
    /// The field or variant for unknown fields.
    pub(super) unknown: String,
}

#[derive(Debug, Default)]
pub(super) struct ServiceNames {
    pub(super) service: String,
    pub(super) server: String,
    pub(super) client: String,
    pub(super) info: String,
    /// By the method's IDL name, parents included.
    pub(super) methods: BTreeMap<String, String>,
    /// Of its own methods, by the IDL name.
    pub(super) messages: BTreeMap<String, MessageNames>,
}

/// What one method has of its own.
#[derive(Debug, Default)]
pub(super) struct MessageNames {
    pub(super) arguments: String,
    pub(super) parameters: Vec<String>,
    pub(super) result: String,
    /// Of the result's fields: the success first.
    pub(super) results: Vec<String>,
    pub(super) error: String,
    /// Of the error's variants.
    pub(super) errors: Vec<String>,
}

impl Names {
    pub(super) fn new(model: &Model, combined: bool) -> Self {
        let mut names = Self {
            typedefs: vec![String::new(); model.typedefs.len()],
            enums: model.enums.iter().map(enum_names).collect(),
            constants: vec![String::new(); model.constants.len()],
            ..Self::default()
        };
        names.structs.resize_with(model.structs.len(), StructNames::default);
        names.services.resize_with(model.services.len(), ServiceNames::default);
        let mut modules = Taken::new(&RESERVED_MODULES);
        for (index, unit) in model.units.iter().enumerate() {
            let module = snake(&stem(&unit.path).replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
            let module = if module.starts_with(|c: char| c.is_ascii_digit()) {
                format!("_{module}")
            } else {
                module
            };
            let module = if index == 0 {
                String::new()
            } else {
                modules.unique(&module, "_")
            };
            names.units.push(module);
            names.unit(model, &unit.definitions, combined && index == 0);
        }
        names
    }

    /// Names what one file defines: what the IDL names itself comes first, so that it keeps its name.
    fn unit(&mut self, model: &Model, definitions: &[Definition], combined: bool) {
        let mut types = Taken::default();
        let mut values = Taken::default();
        let named = |head: &Head, taken: &mut Taken| {
            let name = head.rename.clone().unwrap_or_else(|| camel(&head.name));
            taken.unique(&name, "")
        };
        for definition in definitions {
            match *definition {
                Definition::Typedef(index) => self.typedefs[index] = named(&model.typedefs[index].head, &mut types),
                Definition::Enum(index) => self.enums[index].name = named(&model.enums[index].head, &mut types),
                Definition::Struct(index) => {
                    let name = named(&model.structs[index].head, &mut types);
                    self.structs[index] = struct_names(name, model, index);
                }
                Definition::Constant(index) => {
                    let head = &model.constants[index].head;
                    let name = head.rename.clone().unwrap_or_else(|| screaming(&head.name));
                    self.constants[index] = values.unique(&name, "_");
                }
                Definition::Service(index) => {
                    self.services[index].service = named(&model.services[index].head, &mut types);
                }
            }
        }
        for definition in definitions {
            if let Definition::Service(index) = *definition {
                let service = std::mem::take(&mut self.services[index].service);
                let methods: Vec<&Method> = model.methods(index).into_iter().map(|(_, method)| method).collect();
                let mut service = service_names(service, &methods, &mut types, &mut values);
                for method in model.services[index]
                    .methods
                    .iter()
                    .filter(|method| !method.kind.is_streaming())
                {
                    let messages = message_names(&service, model, method, &mut types);
                    service.messages.insert(method.name.clone(), messages);
                }
                self.services[index] = service;
            }
        }
        if combined {
            let service = types.unique("CombineService", "");
            let methods: Vec<&Method> = combined_methods(model).into_iter().map(|(_, method)| method).collect();
            self.combined = Some(service_names(service, &methods, &mut types, &mut values));
        }
        self.taken.push(types);
    }
}

/// The methods of all services of the main file with the service that declares each.
pub(super) fn combined_methods(model: &Model) -> Vec<(usize, &Method)> {
    let mut methods: Vec<(usize, &Method)> = Vec::new();
    for definition in &model.units[0].definitions {
        let Definition::Service(service) = *definition else {
            continue;
        };
        for (owner, method) in model.methods(service) {
            if !methods.iter().any(|(_, present)| present.name == method.name) {
                methods.push((owner, method));
            }
        }
    }
    methods
}

fn enum_names(declared: &Enum) -> EnumNames {
    let mut taken = Taken::default();
    let name = |item: &crate::model::Variant| item.rename.clone().unwrap_or_else(|| variant(&item.name));
    let variants = declared
        .variants
        .iter()
        .map(|item| taken.unique(&name(item), ""))
        .collect();
    let other = if taken.holds("Unknown") {
        taken.unique("Other", "")
    } else {
        "Unknown".to_owned()
    };
    EnumNames {
        name: String::new(),
        variants,
        other,
    }
}

fn struct_names(name: String, model: &Model, index: usize) -> StructNames {
    let item = &model.structs[index];
    let mut taken = Taken::default();
    if item.kind == crate::model::StructKind::Union {
        let named = |field: &Field| field.rename.clone().unwrap_or_else(|| variant(&field.name));
        let fields = item
            .fields
            .iter()
            .map(|field| taken.unique(&named(field), ""))
            .collect();
        let unknown = if taken.holds("Unknown") {
            taken.unique("Other", "")
        } else {
            "Unknown".to_owned()
        };
        return StructNames { name, fields, unknown };
    }
    let fields = fields(&item.fields, &mut taken);
    StructNames {
        name,
        fields,
        unknown: taken.unique("unknown_fields", "_"),
    }
}

fn fields(fields: &[Field], taken: &mut Taken) -> Vec<String> {
    let named = |field: &Field| field.rename.clone().unwrap_or_else(|| snake(&field.name));
    fields.iter().map(|field| taken.unique(&named(field), "_")).collect()
}

fn service_names(service: String, methods: &[&Method], types: &mut Taken, values: &mut Taken) -> ServiceNames {
    // `new` makes a client.
    let mut taken = Taken::new(&["new"]);
    let named = |method: &Method| method.rename.clone().unwrap_or_else(|| snake(&method.name));
    let methods = methods
        .iter()
        .map(|method| (method.name.clone(), taken.unique(&named(method), "_")))
        .collect();
    ServiceNames {
        server: types.unique(&format!("{service}Server"), ""),
        client: types.unique(&format!("{service}Client"), ""),
        info: values.unique(&screaming(&service), "_"),
        service,
        methods,
        messages: BTreeMap::new(),
    }
}

fn message_names(service: &ServiceNames, model: &Model, method: &Method, types: &mut Taken) -> MessageNames {
    let stem = format!(
        "{}{}",
        service.service,
        camel(method.rename.as_ref().unwrap_or(&method.name))
    );
    let mut results = Taken::new(&["success"]);
    let mut errors = Taken::new(&["Error"]);
    let mut error = |field: &Field| match model.resolved(&field.ty) {
        crate::model::Type::Struct(index) => errors.unique(&camel(&model.structs[*index].head.name), ""),
        _ => errors.unique(&camel(&field.name), ""),
    };
    MessageNames {
        arguments: types.unique(&format!("{stem}Args"), ""),
        // `call` is the handler's first parameter.
        parameters: fields(&method.parameters, &mut Taken::new(&["call"])),
        result: types.unique(&format!("{stem}Result"), ""),
        errors: method.throws.iter().map(&mut error).collect(),
        results: std::iter::once("success".to_owned())
            .chain(fields(&method.throws, &mut results))
            .collect(),
        error: if method.throws.is_empty() {
            String::new()
        } else {
            types.unique(&format!("{stem}Error"), "")
        },
    }
}

/// Names that generated code uses for other things.
const RESERVED_MODULES: [&str; 10] = [
    "kitewire",
    "thrift",
    "std",
    "core",
    "alloc",
    "self",
    "super",
    "crate",
    "generated",
    "bytes",
];
