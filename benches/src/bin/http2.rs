//! `http2`: our HTTP/2 beside the h2 crate and shiguredo_http2, both ends in memory. `--help` lists the options,
//! README.md says how to read the report.

use std::process::ExitCode;

use kitewire_benches::http2;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] => http2::report(),
        ["--profile", case] => http2::profile(case),
        ["--help" | "-h"] => {
            print!("{}", http2::help());
            Ok(())
        }
        _ => Err("http2 [--profile CASE]; --help says more".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
