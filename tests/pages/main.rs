//! The pages in `docs/` agree with the contract.
//!
//! `CONTACT_LISTS_WRITE_PAGES=1 cargo test --test pages` writes `docs/api.md` and `docs/openapi.json` again.

mod openapi;

use std::{collections::BTreeMap, env, fmt::Write as _, fs};

use contact_lists::{
    FILE_DESCRIPTOR_SET,
    proto::ErrorReason,
    telemetry::{CallMetrics, DatabaseMetrics, JobMetrics, Metrics, ProcessMetrics},
};
use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

const PACKAGE: &str = "contactlists.v1";
const API_PAGE: &str = "docs/api.md";
const OPENAPI_FILE: &str = "docs/openapi.json";
const ERRORS_PAGE: &str = "docs/errors.md";
const OBSERVING_PAGE: &str = "docs/observing.md";

#[test]
fn the_api_page_is_what_the_contract_says() {
    assert_written(API_PAGE, &api_page());
}

#[test]
fn the_openapi_file_is_what_the_contract_says() {
    assert_written(OPENAPI_FILE, &format!("{:#}\n", openapi::openapi()));
}

/// Compares a generated page with the one that is stored, or stores it.
fn assert_written(path: &str, page: &str) {
    if env::var_os("CONTACT_LISTS_WRITE_PAGES").is_some() {
        fs::write(path, page).unwrap();
    }
    let stored = fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == page,
        "{path} is out of date; `CONTACT_LISTS_WRITE_PAGES=1 cargo test --test pages` writes it"
    );
}

#[test]
fn the_errors_page_has_a_heading_for_every_reason() {
    let page = fs::read_to_string(ERRORS_PAGE).unwrap();
    let mut headings: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let mut reasons: Vec<_> = (1..1000)
        .filter_map(|number| ErrorReason::try_from(number).ok())
        .map(|reason| reason.as_str_name().trim_start_matches("ERROR_REASON_"))
        .collect();
    headings.sort_unstable();
    reasons.sort_unstable();
    assert_eq!(headings, reasons);
}

#[test]
fn the_observing_page_has_a_row_for_every_metric() {
    let mut metrics = Metrics::default();
    CallMetrics::default().register(&mut metrics);
    DatabaseMetrics::default().register(&mut metrics);
    JobMetrics::default().register(&mut metrics);
    ProcessMetrics::default().register(&mut metrics, "sqlite");
    let descriptions = metrics.descriptions().iter();
    let expected: Vec<_> = descriptions
        .map(|it| (it.name.clone(), it.help.to_owned()))
        .collect();
    let page = fs::read_to_string(OBSERVING_PAGE).unwrap();
    let rows = page.lines().filter_map(|line| {
        let name = line.strip_prefix("| `")?.split('`').next()?;
        let meaning = line.trim_end_matches(" |").rsplit(" | ").next()?;
        let is_metric = name.starts_with("contact_lists_");
        is_metric.then(|| (name.to_owned(), meaning.to_owned()))
    });
    assert_eq!(rows.collect::<Vec<_>>(), expected);
}

/// Returns the page that describes every service, message and enum of the contract.
fn api_page() -> String {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let files: Vec<_> = set
        .file
        .iter()
        .filter(|file| file.package() == PACKAGE)
        .collect();
    let mut services = BTreeMap::new();
    let mut types = BTreeMap::new();
    for file in files {
        let comments = Comments::of(file);
        for (index, service) in file.service.iter().enumerate() {
            let text = service_section(service, &comments, index as i32);
            services.insert(service.name().to_owned(), text);
        }
        for (index, message) in file.message_type.iter().enumerate() {
            add_message(&mut types, message, "", &comments, &[4, index as i32]);
        }
        for (index, item) in file.enum_type.iter().enumerate() {
            add_enum(&mut types, item, "", &comments, &[5, index as i32]);
        }
    }
    let mut page = String::from(
        "# API reference\n\n\
         <!-- Generated from proto/: `CONTACT_LISTS_WRITE_PAGES=1 cargo test --test pages` writes this page. -->\n\n\
         The package is `contactlists.v1`. [Getting started](getting-started.md) has a line to paste for every call, and\n\
         [Errors](errors.md) explains every reason. The services come first, then messages and enums by name.\n\n",
    );
    for name in services.keys() {
        writeln!(page, "- [{name}](#{})", name.to_lowercase()).unwrap();
    }
    for section in services.values().chain(types.values()) {
        page.push('\n');
        page.push_str(section);
    }
    page
}

/// A file's comments, by the path of what they describe.
struct Comments(BTreeMap<Vec<i32>, String>);

impl Comments {
    fn of(file: &FileDescriptorProto) -> Self {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        Self(
            locations
                .map(|location| {
                    (
                        location.path.clone(),
                        location.leading_comments().to_owned(),
                    )
                })
                .collect(),
        )
    }

    /// Returns the comment as paragraphs.
    fn text(&self, path: &[i32]) -> String {
        let comment = self.0.get(path).map_or("", String::as_str);
        let lines: Vec<_> = comment.lines().map(str::trim).collect();
        lines
            .split(|line| line.is_empty())
            .filter(|paragraph| !paragraph.is_empty())
            .map(|paragraph| paragraph.join(" "))
            .collect::<Vec<_>>()
            .join("\n\n")
    }

    /// Returns the comment as the cell of a table.
    fn cell(&self, path: &[i32]) -> String {
        self.text(path).replace("\n\n", "<br>").replace('|', "\\|")
    }
}

fn service_section(service: &ServiceDescriptorProto, comments: &Comments, index: i32) -> String {
    let mut section = format!("## {}\n\n{}\n", service.name(), comments.text(&[6, index]));
    for (number, method) in service.method.iter().enumerate() {
        let stream = |is_stream| if is_stream { "a stream of " } else { "" };
        write!(
            section,
            "\n### {}\n\nTakes {}{}, returns {}{}.\n\n{}\n",
            method.name(),
            stream(method.client_streaming()),
            link(method.input_type()),
            stream(method.server_streaming()),
            link(method.output_type()),
            comments.text(&[6, index, 2, number as i32]),
        )
        .unwrap();
    }
    section
}

fn add_message(
    types: &mut BTreeMap<String, String>,
    message: &DescriptorProto,
    parent: &str,
    comments: &Comments,
    path: &[i32],
) {
    let name = format!("{parent}{}", message.name());
    let mut section = format!("## {name}\n\n{}\n", comments.text(path));
    if !message.field.is_empty() {
        section.push_str("\n| field | type | meaning |\n| --- | --- | --- |\n");
    }
    for (index, field) in message.field.iter().enumerate() {
        let meaning = comments.cell(&[path, &[2, index as i32]].concat());
        writeln!(
            section,
            "| `{}` | {} | {meaning} |",
            field.name(),
            field_type(field, message)
        )
        .unwrap();
    }
    types.insert(name.clone(), section);
    let prefix = format!("{name}.");
    for (index, item) in message.enum_type.iter().enumerate() {
        add_enum(
            types,
            item,
            &prefix,
            comments,
            &[path, &[4, index as i32]].concat(),
        );
    }
    for (index, nested) in message.nested_type.iter().enumerate() {
        add_message(
            types,
            nested,
            &prefix,
            comments,
            &[path, &[3, index as i32]].concat(),
        );
    }
}

fn add_enum(
    types: &mut BTreeMap<String, String>,
    item: &EnumDescriptorProto,
    parent: &str,
    comments: &Comments,
    path: &[i32],
) {
    let name = format!("{parent}{}", item.name());
    let mut section = format!("## {name}\n\n{}\n\n", comments.text(path));
    section.push_str("| value | number | meaning |\n| --- | --: | --- |\n");
    for (index, value) in item.value.iter().enumerate() {
        let meaning = comments.cell(&[path, &[2, index as i32]].concat());
        writeln!(
            section,
            "| `{}` | {} | {meaning} |",
            value.name(),
            value.number()
        )
        .unwrap();
    }
    types.insert(name, section);
}

/// Returns a field's type with `repeated`, `optional` or the name of its `oneof` before it.
fn field_type(field: &FieldDescriptorProto, message: &DescriptorProto) -> String {
    let name = match field.r#type() {
        Type::Message | Type::Enum => link(field.type_name()),
        other => format!(
            "`{}`",
            other
                .as_str_name()
                .trim_start_matches("TYPE_")
                .to_lowercase()
        ),
    };
    match field.oneof_index {
        _ if field.label() == Label::Repeated => format!("repeated {name}"),
        _ if field.proto3_optional() => format!("optional {name}"),
        Some(index) => format!(
            "{name}, one of `{}`",
            message.oneof_decl[index as usize].name()
        ),
        None => name,
    }
}

/// Returns a type's name, linked to its heading if it is the contract's own.
fn link(type_name: &str) -> String {
    let name = type_name.trim_start_matches('.');
    match name.strip_prefix(&format!("{PACKAGE}.")) {
        Some(name) => format!("[{name}](#{})", name.to_lowercase().replace('.', "")),
        None => format!("`{name}`"),
    }
}
