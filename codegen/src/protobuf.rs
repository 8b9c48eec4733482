//! Protobuf IDL: protox parses it, prost-build makes the messages, the services are ours.

use std::collections::BTreeMap;
use std::path::Path;

use proc_macro2::TokenStream;
use prost_build::{Config, Module, Service, ServiceGenerator};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;

use crate::emit::{
    Answer, CallModel, Combined, Flow, Markers, MethodModel, ServiceModel, StreamKind, StreamMessage, StreamModel,
    Taken, formatted, ident, screaming, service, snake,
};
use crate::{Builder, Error, Layer};

/// The code of each package.
pub(crate) fn generate(
    options: &Builder,
    files: &[impl AsRef<Path>],
    includes: &[impl AsRef<Path>],
) -> Result<BTreeMap<String, String>, Error> {
    let descriptors = protox::compile(files, includes).map_err(|error| Error::new(format!("error: {error:?}\n")))?;
    let mut config = Config::new();
    config
        .prost_path(match options.stands_on() {
            Layer::Rpc => "kitewire::prost",
            Layer::Core => "::prost",
        })
        .service_generator(Box::new(Services(options.stands_on())));
    for derive in options.extra_derives()? {
        config.type_attribute(".", format!("#[derive({})]", quote!(#derive)));
    }
    let requests = descriptors
        .file
        .into_iter()
        .map(|file| (Module::from_protobuf_package_name(file.package()), file));
    let modules = config
        .generate(requests.collect())
        .map_err(|error| Error::new(format!("error: {error}\n")))?;
    modules
        .into_iter()
        .filter(|(module, _)| !module.parts().take(2).eq(["google", "protobuf"]))
        .map(|(module, code)| {
            let package = module.parts().collect::<Vec<_>>().join(".");
            let tokens: TokenStream = code.parse().map_err(|error| Error::new(format!("error: {error}\n")))?;
            let code = formatted(&format!("package `{package}`"), &documented(tokens)?)?;
            Ok((package, code))
        })
        .collect()
}

/// The files and all that they import, as an encoded `FileDescriptorSet` without comments.
pub(crate) fn descriptors(files: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<Vec<u8>, Error> {
    let compile = || {
        let mut compiler = protox::Compiler::new(includes)?;
        compiler
            .include_source_info(false)
            .include_imports(true)
            .open_files(files)?;
        // Encoded there, because options that are extensions are known to the compiler alone.
        Ok(compiler.encode_file_descriptor_set())
    };
    compile().map_err(|error: protox::Error| Error::new(format!("error: {error:?}\n")))
}

/// The items with documentation on all of them, as a comment in the IDL is often missing, and without lints about what
/// the IDL decides.
fn documented(tokens: TokenStream) -> Result<TokenStream, Error> {
    let mut file: syn::File = syn::parse2(tokens).map_err(|error| Error::new(format!("error: {error}\n")))?;
    for item in &mut file.items {
        document(item);
        if let Some(attributes) = attributes(item) {
            let end = attributes
                .iter()
                .take_while(|attribute| attribute.path().is_ident("doc"))
                .count();
            attributes.insert(end, lints());
        }
    }
    Ok(file.into_token_stream())
}

fn lints() -> syn::Attribute {
    syn::parse_quote! {
        #[allow(
            dead_code,
            unreachable_pub,
            unused_qualifications,
            clippy::enum_variant_names,
            clippy::large_enum_variant,
            clippy::too_many_lines,
            reason = "what is here is decided by the IDL"
        )]
    }
}

fn attributes(item: &mut syn::Item) -> Option<&mut Vec<syn::Attribute>> {
    Some(match item {
        syn::Item::Enum(item) => &mut item.attrs,
        syn::Item::Impl(item) => &mut item.attrs,
        syn::Item::Mod(item) => &mut item.attrs,
        syn::Item::Static(item) => &mut item.attrs,
        syn::Item::Struct(item) => &mut item.attrs,
        syn::Item::Trait(item) => &mut item.attrs,
        _ => return None,
    })
}

fn document(item: &mut syn::Item) {
    match item {
        syn::Item::Struct(item) => {
            add(&mut item.attrs, || format!(" The message `{}`.", item.ident.unraw()));
            for field in &mut item.fields {
                let name = field
                    .ident
                    .as_ref()
                    .map(|name| name.unraw().to_string())
                    .unwrap_or_default();
                add(&mut field.attrs, || format!(" The field `{name}`."));
            }
        }
        syn::Item::Enum(item) => {
            add(&mut item.attrs, || format!(" The type `{}`.", item.ident.unraw()));
            for variant in &mut item.variants {
                let name = variant.ident.unraw().to_string();
                add(&mut variant.attrs, || format!(" The variant `{name}`."));
            }
        }
        syn::Item::Mod(item) => {
            add(&mut item.attrs, || format!(" Types inside `{}`.", item.ident.unraw()));
            item.content.iter_mut().flat_map(|(_, items)| items).for_each(document);
        }
        _ => {}
    }
}

fn add(attributes: &mut Vec<syn::Attribute>, text: impl FnOnce() -> String) {
    if !attributes.iter().any(|attribute| attribute.path().is_ident("doc")) {
        let text = text();
        attributes.insert(0, syn::parse_quote!(#[doc = #text]));
    }
}

struct Services(Layer);

impl ServiceGenerator for Services {
    fn generate(&mut self, declared: Service, out: &mut String) {
        out.push_str(&service(&service_model(&declared, self.0)).to_string());
    }
}

fn service_model(declared: &Service, layer: Layer) -> ServiceModel {
    let name = &declared.name;
    let mut taken = Taken::new(&["new"]);
    ServiceModel {
        name: declared.proto_name.clone(),
        package: declared.package.clone(),
        codec: ident("Protobuf"),
        combine: Combined::No,
        layer,
        docs: declared.comments.leading.clone(),
        service: ident(name),
        server: ident(&format!("{name}Server")),
        client: ident(&format!("{name}Client")),
        info: ident(&screaming(name)),
        methods: declared
            .methods
            .iter()
            .map(|method| method_model(method, &mut taken))
            .collect(),
        result: quote!(Result),
        boxed: quote!(Box),
        vec: quote!(Vec),
        markers: Markers {
            future: quote!(std::future::Future),
            send: quote!(Send),
            sync: quote!(Sync),
        },
    }
}

fn method_model(method: &prost_build::Method, taken: &mut Taken) -> MethodModel {
    let flow = match (method.client_streaming, method.server_streaming) {
        (false, false) => Flow::Call(call_model(method)),
        (true, false) => Flow::Stream(stream_model(StreamKind::Client, method)),
        (false, true) => Flow::Stream(stream_model(StreamKind::Server, method)),
        (true, true) => Flow::Stream(stream_model(StreamKind::Bidirectional, method)),
    };
    MethodModel {
        name: method.proto_name.clone(),
        ident: ident(&taken.unique(&snake(&method.proto_name), "_")),
        docs: method.comments.leading.clone(),
        flow,
    }
}

fn call_model(method: &prost_build::Method) -> CallModel {
    let (request, response) = (message(&method.input_type), message(&method.output_type));
    CallModel {
        answer: Answer::One,
        parameters: vec![(ident("request"), request.value)],
        arguments: request.body,
        pack: quote!(kitewire::Protobuf(request)),
        unpack: vec![quote!(arguments.0)],
        result: response.body,
        wrap: quote!(outcome.map(kitewire::Protobuf)),
        value: response.value,
        error: quote!(kitewire::Error),
    }
}

fn stream_model(kind: StreamKind, method: &prost_build::Method) -> StreamModel {
    StreamModel {
        kind,
        request: ident("request"),
        argument: message(&method.input_type),
        result: message(&method.output_type),
        unpack: quote!(request.0),
        wrap: quote!(outcome.map(kitewire::Protobuf)),
        throws: Vec::new(),
    }
}

fn message(ty: &str) -> StreamMessage {
    let value = ty.parse::<TokenStream>().unwrap_or_default();
    StreamMessage {
        body: quote!(kitewire::Protobuf<#value>),
        value,
    }
}
