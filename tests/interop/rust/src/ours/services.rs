//! The handlers of our server, over the generated traits.

use kitewire::{Call, Error, Registration};

use super::generated::combined::{self, CombineService, CombineServiceServer};
use super::generated::interop::common::{Note, Other, Refused};
use super::generated::interop::{
    Everything, EverythingFailsError, EverythingRefusesError, EverythingServer, Second, SecondServer, ServiceA,
    ServiceAServer, ServiceB, ServiceBServer, ServiceC, ServiceCServer, Types,
};
use super::generated::interoppb::{PbA, PbAServer, Proto, ProtoServer, Scalars, Text};
use super::samples::{same_scalars, same_types};
use super::script::{Script, swapped};

/// The service of this IDL name, registered as the fallback service if it is that.
pub(crate) fn registration(name: &str, script: &Script, fallback: bool) -> Result<Registration, String> {
    let script = script.clone();
    let registration: Registration = match name {
        "Everything" => EverythingServer::new(Scripted { script, prefix: "" }).into(),
        "Second" => SecondServer::new(Scripted {
            script,
            prefix: "second:",
        })
        .into(),
        "ServiceA" => ServiceAServer::new(Echo("A:")).into(),
        "ServiceB" => ServiceBServer::new(Echo("B:")).into(),
        "ServiceC" => ServiceCServer::new(Echo("C:")).into(),
        "CombineService" => CombineServiceServer::new(Echo("comb:")).into(),
        "Proto" => ProtoServer::new(Scripted { script, prefix: "" }).into(),
        "PbA" => PbAServer::new(Echo("PbA:")).into(),
        _ => return Err(format!("unknown service {name:?}")),
    };
    Ok(if fallback {
        registration.fallback()
    } else {
        registration
    })
}

/// The service of this IDL name, for a server without a next one.
pub(crate) fn pingpong_service(name: &str) -> Result<Registration, String> {
    registration(name, &Script::new(None), false)
}

/// Does what the text says.
struct Scripted {
    script: Script,
    prefix: &'static str,
}

impl Scripted {
    async fn note(&self, call: &Call, note: Note) -> Result<Note, Error> {
        Ok(Note {
            text: self.script.play(call, self.prefix, &note.text).await?,
        })
    }
}

impl Everything for Scripted {
    async fn inherited(&self, _call: &Call, note: Note) -> Result<Note, Error> {
        Ok(note)
    }

    async fn types(&self, _call: &Call, value: Types) -> Result<Types, Error> {
        same_types(&value)?;
        Ok(value)
    }

    async fn say(&self, call: &Call, note: Note) -> Result<Note, Error> {
        self.note(call, note).await
    }

    async fn fails(&self, _call: &Call, note: Note) -> Result<Note, EverythingFailsError> {
        match note.text.as_str() {
            "refused" => Err(Refused {
                code: 11,
                why: Some("busy".into()),
            }
            .into()),
            "bare" => Err(Refused { code: 12, why: None }.into()),
            "other" => Err(Other { text: "o".into() }.into()),
            _ => Ok(note),
        }
    }

    async fn nothing(&self, call: &Call, note: Note) -> Result<(), Error> {
        self.note(call, note).await.map(drop)
    }

    async fn ping(&self, _call: &Call) -> Result<(), Error> {
        Ok(())
    }

    async fn refuses(&self, _call: &Call, note: Note) -> Result<(), EverythingRefusesError> {
        if note.text == "refused" {
            return Err(Refused {
                code: 12,
                why: Some("no".into()),
            }
            .into());
        }
        Ok(())
    }

    async fn sum(&self, _call: &Call, a: i32, b: i64) -> Result<i64, Error> {
        Ok(i64::from(a) + b)
    }

    async fn swap(&self, _call: &Call, words: super::Words) -> Result<super::Words, Error> {
        Ok(swapped(&words))
    }

    async fn push(&self, call: &Call, note: Note) -> Result<(), Error> {
        self.script.push(&note.text);
        self.note(call, note).await.map(drop)
    }
}

impl Second for Scripted {
    async fn say(&self, call: &Call, note: Note) -> Result<Note, Error> {
        self.note(call, note).await
    }

    async fn only_second(&self, _call: &Call, note: Note) -> Result<Note, Error> {
        Ok(note)
    }
}

impl Proto for Scripted {
    async fn say(&self, call: &Call, text: Text) -> Result<Text, Error> {
        Ok(Text {
            text: self.script.play(call, self.prefix, &text.text).await?,
        })
    }

    async fn types(&self, _call: &Call, value: Scalars) -> Result<Scalars, Error> {
        same_scalars(&value)?;
        Ok(value)
    }

    async fn only_proto(&self, _call: &Call, text: Text) -> Result<Text, Error> {
        Ok(text)
    }
}

/// The services of the dispatch rows: the text again, with the service's letter before it.
struct Echo(&'static str);

impl Echo {
    fn text_of(&self, text: &str) -> String {
        format!("{}{text}", self.0)
    }

    fn note(&self, note: &Note) -> Note {
        Note {
            text: self.text_of(&note.text),
        }
    }

    fn text(&self, text: &Text) -> Text {
        Text {
            text: self.text_of(&text.text),
        }
    }
}

impl ServiceA for Echo {
    async fn echo1(&self, _call: &Call, note: Note) -> Result<Note, Error> {
        Ok(self.note(&note))
    }

    async fn echo_a(&self, _call: &Call, note: Note) -> Result<Note, Error> {
        Ok(self.note(&note))
    }
}

impl ServiceB for Echo {
    async fn echo2(&self, _call: &Call, note: Note) -> Result<Note, Error> {
        Ok(self.note(&note))
    }

    async fn echo_b(&self, _call: &Call, note: Note) -> Result<Note, Error> {
        Ok(self.note(&note))
    }
}

impl ServiceC for Echo {
    async fn echo1(&self, _call: &Call, note: Note) -> Result<Note, Error> {
        Ok(self.note(&note))
    }

    async fn echo_c(&self, _call: &Call, note: Note) -> Result<Note, Error> {
        Ok(self.note(&note))
    }
}

impl CombineService for Echo {
    async fn echo1(&self, _call: &Call, note: combined::common::Note) -> Result<combined::common::Note, Error> {
        Ok(combined::common::Note {
            text: self.text_of(&note.text),
        })
    }

    async fn echo2(&self, _call: &Call, note: combined::common::Note) -> Result<combined::common::Note, Error> {
        Ok(combined::common::Note {
            text: self.text_of(&note.text),
        })
    }
}

impl PbA for Echo {
    async fn echo1(&self, _call: &Call, text: Text) -> Result<Text, Error> {
        Ok(self.text(&text))
    }

    async fn echo_p(&self, _call: &Call, text: Text) -> Result<Text, Error> {
        Ok(self.text(&text))
    }
}
