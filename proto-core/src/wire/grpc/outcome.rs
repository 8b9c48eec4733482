//! Trailers: how a call ended, with what Kitex adds for business errors.

use std::borrow::Cow;
use std::fmt;

use super::base64::{self, Base64Error};
use super::details::MalformedDetails;
use super::quoted::Quoted;
use super::{Code, Status, percent};
use crate::http::{FieldKind, Fields, Sensitivity};
use crate::status::BusinessStatus;
use crate::wire::business::{parse_extra, write_extra};
use crate::wire::cursor::decimal;
use crate::wire::ttheader::string_key::{BUSINESS_EXTRA, BUSINESS_STATUS};

const GRPC_STATUS: &str = "grpc-status";
const GRPC_MESSAGE: &str = "grpc-message";
const GRPC_STATUS_DETAILS: &str = "grpc-status-details-bin";

/// How a call ended, as its trailers say: `grpc-status`, `grpc-message`, for a business error `biz-status` and
/// `biz-extra`, and `grpc-status-details-bin` if the status has details.
///
/// ```
/// use kitewire_proto::http::Fields;
/// use kitewire_proto::wire::grpc::{Code, Outcome, Status};
///
/// let mut trailers = Fields::new();
/// Outcome::from(Status::new(Code::INTERNAL, "50%")).write(&mut trailers);
/// assert_eq!(trailers.get("grpc-message"), Some(&b"50%25"[..]));
/// assert_eq!(Outcome::read(&trailers).unwrap().status.message, "50%");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// The status; a business error has one too, [`Code::INTERNAL`] unless the application says otherwise.
    pub status: Status,
    /// The business error, if it is one. Not read, and ignored by Kitex, where the status is [`Code::OK`]; its
    /// message is the status's.
    pub business: Option<BusinessStatus>,
}

/// Trailers that cannot be read. The call fails with [`Code::INTERNAL`] and this text, and the stream is reset with
/// PROTOCOL_ERROR.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MalformedTrailers {
    /// `grpc-status` is not a decimal i32; its value.
    Status(Box<[u8]>),
    /// `biz-status` is not a decimal i32; its value.
    BusinessStatus(Box<[u8]>),
    /// `biz-extra` is not a JSON object of strings.
    BusinessExtra,
    /// `grpc-status-details-bin` is not base64.
    DetailsBase64(Base64Error),
    /// `grpc-status-details-bin` is not a `google.rpc.Status`.
    Details(MalformedDetails),
}

impl Outcome {
    /// Reads trailers, or the header section of a response that has nothing else.
    ///
    /// Details override code and message. Without `grpc-status` the code is [`Code::UNKNOWN`]. Of a field that repeats
    /// the last one counts.
    ///
    /// # Errors
    /// A field that is not what its name says.
    pub fn read(trailers: &Fields) -> Result<Self, MalformedTrailers> {
        let (mut code, mut message) = (Code::UNKNOWN, Cow::Borrowed(&[][..]));
        let (mut detailed, mut business_code, mut extra) = (None, None, Vec::new());
        for field in trailers {
            match field.name {
                name if name == GRPC_STATUS.as_bytes() => {
                    let number = number(field.value).ok_or_else(|| MalformedTrailers::Status(field.value.into()))?;
                    code = Code(number);
                }
                name if name == GRPC_MESSAGE.as_bytes() => message = percent::decode(field.value),
                name if name == GRPC_STATUS_DETAILS.as_bytes() => detailed = Some(details(field.value)?),
                name if name == BUSINESS_STATUS.as_bytes() => {
                    let number = number(field.value);
                    business_code = Some(number.ok_or_else(|| MalformedTrailers::BusinessStatus(field.value.into()))?);
                }
                name if name == BUSINESS_EXTRA.as_bytes() => {
                    extra = parse_extra(field.value).ok_or(MalformedTrailers::BusinessExtra)?;
                }
                _ => {}
            }
        }
        let status = detailed.unwrap_or_else(|| Status::new(code, String::from_utf8_lossy(&message)));
        let business = business_code
            .filter(|_| status.code != Code::OK)
            .map(|code| BusinessStatus {
                code,
                message: status.message.clone(),
                extra,
            });
        Ok(Self { status, business })
    }

    /// Appends the fields. `grpc-message` is always there, as Kitex has it.
    pub fn write(&self, trailers: &mut Fields) {
        let Self { status, business } = self;
        // Digits, and text whose other characters are encoded, are legal values.
        let mut put = |name: &str, value: &[u8]| {
            trailers.push_known(name.as_bytes(), value, FieldKind::Regular, Sensitivity::Ordinary);
        };
        match status.code {
            Code::OK => put(GRPC_STATUS, b"0"),
            Code(number) => put(GRPC_STATUS, number.to_string().as_bytes()),
        }
        put(GRPC_MESSAGE, &percent::encode(status.message.as_bytes()));
        if let Some(business) = business {
            trailers.push(BUSINESS_STATUS, business.code.to_string());
            if !business.extra.is_empty() {
                let mut json = Vec::new();
                write_extra(&mut json, &business.extra);
                trailers.push(BUSINESS_EXTRA, json);
            }
        }
        if !status.details.is_empty() {
            let (mut proto, mut text) = (Vec::new(), Vec::new());
            status.encode(&mut proto);
            base64::encode(&proto, &mut text);
            trailers.push(GRPC_STATUS_DETAILS, text);
        }
    }
}

impl From<Status> for Outcome {
    fn from(status: Status) -> Self {
        Self { status, business: None }
    }
}

impl From<BusinessStatus> for Outcome {
    /// A business error with the status that Kitex gives it: [`Code::INTERNAL`] and the same message.
    fn from(business: BusinessStatus) -> Self {
        Self {
            status: Status::new(Code::INTERNAL, business.message.as_str()),
            business: Some(business),
        }
    }
}

impl From<MalformedTrailers> for Status {
    fn from(error: MalformedTrailers) -> Self {
        Self::new(Code::INTERNAL, error.to_string())
    }
}

fn number(value: &[u8]) -> Option<i32> {
    decimal(value).and_then(|number| i32::try_from(number).ok())
}

fn details(value: &[u8]) -> Result<Status, MalformedTrailers> {
    let mut proto = Vec::new();
    base64::decode(value, &mut proto).map_err(MalformedTrailers::DetailsBase64)?;
    Status::decode(&proto).map_err(MalformedTrailers::Details)
}

/// Why Go's `strconv` refuses a number.
fn refusal(value: &[u8]) -> &'static str {
    let digits = value.strip_prefix(b"-").or(value.strip_prefix(b"+")).unwrap_or(value);
    if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
        "value out of range"
    } else {
        "invalid syntax"
    }
}

impl fmt::Display for MalformedTrailers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut malformed = |name, function, value| {
            let (quoted, why) = (Quoted(value), refusal(value));
            write!(
                f,
                "transport: malformed {name}: strconv.{function}: parsing {quoted}: {why}"
            )
        };
        match self {
            Self::Status(value) => malformed(GRPC_STATUS, "Atoi", value),
            Self::BusinessStatus(value) => malformed(BUSINESS_STATUS, "ParseInt", value),
            Self::BusinessExtra => write!(f, "transport: malformed {BUSINESS_EXTRA}: not a JSON object of strings"),
            Self::DetailsBase64(error) => write!(f, "transport: malformed {GRPC_STATUS_DETAILS}: {error}"),
            Self::Details(error) => write!(f, "transport: malformed {GRPC_STATUS_DETAILS}: {error}"),
        }
    }
}

impl std::error::Error for MalformedTrailers {}

#[cfg(test)]
mod tests;
