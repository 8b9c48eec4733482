//! The service's handler.

use kitewire::{Call, Code, Error, Receiver, Sender};

use crate::files::{FileId, Files, Sent};
use crate::v1::server_reflection_request::MessageRequest;
use crate::v1::server_reflection_response::MessageResponse;
use crate::v1::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse, ServerReflection,
    ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
};

pub(crate) struct ReflectionService {
    files: Files,
}

impl ReflectionService {
    pub(crate) const fn new(files: Files) -> Self {
        Self { files }
    }

    /// The answer to a question of a stream on which `sent` went out.
    fn answer(&self, question: &MessageRequest, sent: &mut Sent) -> MessageResponse {
        let mut files = |file: Option<FileId>, what: &str, name: &str| match file {
            Some(file) => MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
                file_descriptor_proto: self.files.with_imports(file, sent),
            }),
            None => not_found(what, name),
        };
        match question {
            MessageRequest::FileByFilename(name) => files(self.files.by_name(name), "file", name),
            MessageRequest::FileContainingSymbol(name) => files(self.files.by_symbol(name), "symbol", name),
            MessageRequest::FileContainingExtension(extension) => {
                let (extended, number) = (&extension.containing_type, extension.extension_number);
                let file = self.files.by_extension(extended, number);
                files(file, "extension", &format!("{number} of {extended}"))
            }
            MessageRequest::AllExtensionNumbersOfType(extended) => match self.files.extension_numbers(extended) {
                Some(extension_number) => MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse {
                    base_type_name: extended.clone(),
                    extension_number,
                }),
                None => not_found("type", extended),
            },
            MessageRequest::ListServices(_) => {
                let name = |name: &str| ServiceResponse { name: name.to_owned() };
                MessageResponse::ListServicesResponse(ListServiceResponse {
                    service: self.files.services().map(name).collect(),
                })
            }
        }
    }
}

impl ServerReflection for ReflectionService {
    async fn server_reflection_info(
        &self,
        _call: &Call,
        mut requests: Receiver<ServerReflectionRequest>,
        mut out: Sender<ServerReflectionResponse>,
    ) -> Result<(), Error> {
        let mut sent = Sent::new();
        while let Some(request) = requests.recv().await? {
            let Some(question) = &request.message_request else {
                return Err(Error::status(
                    Code::INVALID_ARGUMENT,
                    "invalid MessageRequest: it asks nothing",
                ));
            };
            let answer = self.answer(question, &mut sent);
            out.send(ServerReflectionResponse {
                valid_host: request.host.clone(),
                message_response: Some(answer),
                original_request: Some(request),
            })
            .await?;
        }
        Ok(())
    }
}

fn not_found(what: &str, name: &str) -> MessageResponse {
    MessageResponse::ErrorResponse(ErrorResponse {
        error_code: Code::NOT_FOUND.0,
        error_message: format!("unknown {what}: {name}"),
    })
}
