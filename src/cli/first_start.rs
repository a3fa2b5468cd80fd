//! The first start on an empty database: an example organization, and the commands to try it with.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::{
    app::{channels, contact_lists, custom_objects},
    domain::{
        OrganizationId,
        api_key::{ApiKeySecret, NewApiKey},
        channel::ChannelType,
        custom_object::{CustomProperty, Key, PropertyType},
        name::Name,
        phone_number::PhoneNumber,
        property_value::{PropertyValue, Scalar},
        scope::Scope,
        violation::Invalid,
    },
    error::{Error, Result},
    repository::{Repository, Transaction, TransactionOutcome, api_keys, organizations},
};

/// The properties of the example's custom object: those of `examples/contacts.jsonl`.
const PROPERTIES: [(&str, &str, PropertyType); 7] = [
    ("plan", "Plan", PropertyType::Text),
    ("orders", "Orders", PropertyType::Number),
    ("lifetime_value", "Lifetime value", PropertyType::Float),
    ("vip", "VIP", PropertyType::Boolean),
    ("customer_since", "Customer since", PropertyType::Date),
    ("interests", "Interests", PropertyType::List),
    ("settings", "Settings", PropertyType::Map),
];

/// The values of the example, parsed.
struct Example {
    channel_name: Name,
    channel_phone: PhoneNumber,
    list_name: Name,
    object_key: Key,
    object_label: Name,
    properties: Vec<CustomProperty>,
}

impl Example {
    fn parse() -> Result<Self, Invalid> {
        let property = |(key, label, property_type): &(&str, &str, PropertyType)| {
            let is_plan = *key == "plan";
            Ok(CustomProperty {
                key: Key::parse(key)?,
                label: Name::parse(label)?,
                property_type: *property_type,
                required: is_plan,
                default_value: is_plan
                    .then(|| PropertyValue::Scalar(Scalar::Text("free".to_owned()))),
            })
        };
        Ok(Self {
            channel_name: Name::parse("Main number")?,
            channel_phone: PhoneNumber::parse("+12025550100", None)?,
            list_name: Name::parse("Newsletter")?,
            object_key: Key::parse("customer")?,
            object_label: Name::parse("Customer")?,
            properties: PROPERTIES.iter().map(property).collect::<Result<_, _>>()?,
        })
    }
}

/// How the example's commands reach the server.
pub struct Target {
    pub address: SocketAddr,
    pub with_tls: bool,
    /// Where the key is written to. Without it, the key is printed.
    pub key_file: Option<PathBuf>,
}

/// A new file for the key, readable by its owner alone.
struct KeyFile(File);

impl KeyFile {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        let file = match file {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(anyhow!(
                "the file exists; if it is of a start that broke off, remove it"
            )),
            file => file.map_err(anyhow::Error::new),
        };
        let file =
            file.with_context(|| format!("cannot write the first key to {}", path.display()))?;
        Ok(Self(file))
    }

    /// Writes the key in place of an earlier one, whose transaction is run again.
    fn write(&self, key: &str) -> io::Result<()> {
        let mut file = &self.0;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(format!("{key}\n").as_bytes())?;
        file.sync_all()
    }
}

/// Creates an organization with a channel, a list, a custom object and an admin key, and prints commands to try them with:
/// to standard output and never to the log, as they hold the key. Does nothing if another server has done so by now.
///
/// They are printed, and the key is written to its file, before the transaction commits. So a start that is killed never leaves
/// an example whose key is not known; the next start makes another, once the file is removed.
pub async fn make_example(repository: &Repository, target: Target) -> anyhow::Result<()> {
    let example = Example::parse().map_err(|invalid| anyhow!(invalid.message))?;
    let path = target.key_file.clone();
    let file = path.as_deref().map(KeyFile::create).transpose()?;
    let input = (example, target, file);
    let made = repository.write(input, |(example, target, file), transaction| {
        Box::pin(async move {
            if !organizations::none_exist(transaction).await? {
                return Ok(TransactionOutcome::RollBack(false));
            }
            let made = example.make(transaction).await?;
            if let Some(file) = file {
                file.write(made.key.expose())
                    .context("cannot write the first key")
                    .map_err(Error::internal)?;
            }
            print(&commands(&made, target))
                .context("cannot print the first start's commands")
                .map_err(Error::internal)?;
            Ok(TransactionOutcome::Commit(true))
        })
    });
    let made = made.await;
    if let (Err(_) | Ok(false), Some(path)) = (&made, path) {
        // It has no key, or one that opens nothing.
        let _ = fs::remove_file(path);
    }
    made?;
    Ok(())
}

/// What the example's commands name.
struct Made {
    organization: OrganizationId,
    list: Uuid,
    key: ApiKeySecret,
}

fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

impl Example {
    async fn make(&self, transaction: &Transaction) -> Result<Made> {
        let organization = organizations::create_in(transaction, "Example", None, None).await?;
        let organization = organization.id;
        let (_, key) =
            api_keys::create_in(transaction, organization, &NewApiKey::new(Scope::Admin)).await?;
        channels::create_in(
            transaction,
            organization,
            &self.channel_name,
            ChannelType::Phone,
            Some(self.channel_phone),
        )
        .await?;
        custom_objects::create_in(
            transaction,
            organization,
            &self.object_key,
            &self.object_label,
            &self.properties,
        )
        .await?;
        let list =
            contact_lists::create_in(transaction, organization, &self.list_name, None).await?;
        Ok(Made {
            organization,
            list: list.id,
            key,
        })
    }
}

/// The command that imports the sample. With TLS it depends on who signed the certificate.
fn import_command(made: &Made, target: &Target) -> String {
    if target.with_tls {
        return String::new();
    }
    let (list, address) = (made.list, target.address);
    let key = match &target.key_file {
        None => format!("--key {}", made.key.expose()),
        Some(path) => format!("--key-file '{}'", path.display()),
    };
    format!(
        "\
Import the sample, 3000 contacts in a file:

contact-lists import examples/contacts.csv --list {list} --server http://{address} {key}

"
    )
}

fn commands(made: &Made, target: &Target) -> String {
    let (organization, list, address) = (made.organization, made.list, target.address);
    let security = if target.with_tls {
        "-insecure"
    } else {
        "-plaintext"
    };
    let (note, key, authorization) = match &target.key_file {
        None => {
            let key = made.key.expose();
            let authorization = format!("'authorization: Bearer {key}'");
            ("The key is shown only now.", key.to_owned(), authorization)
        }
        Some(path) => {
            let path = path.display();
            let authorization = format!("\"authorization: Bearer $(cat '{path}')\"");
            (
                "The key is in its file alone.",
                path.to_string(),
                authorization,
            )
        }
    };
    let import = import_command(made, target);
    let grpcurl = format!("grpcurl {security} -H {authorization}");
    let service = "contactlists.v1.ContactListService";
    format!(
        "\
First start: made an organization with a channel, a contact list, a custom object and an API key (scope admin).
{note}

  organization  {organization}
  contact list  {list}
  API key       {key}

{import}Add a contact to the list:

{grpcurl} -d '{{\"header\": {{\"contact_list_id\": \"{list}\", \"action\": \"ACTION_ADD\"}}, \
\"contacts\": [{{\"phone\": \"+4915123456789\", \"name\": \"Ada Example\", \"properties\": {{\"plan\": \"pro\"}}}}]}}' \
{address} {service}/UpdateContactListContacts

Send the sample, 3000 contacts in 31 messages (sent again, it changes nothing):

(echo '{{\"header\": {{\"contact_list_id\": \"{list}\", \"action\": \"ACTION_ADD\", \"request_id\": \
\"{request_id}\"}}}}'; cat examples/update-messages.jsonl) | {grpcurl} -d @ {address} {service}/UpdateContactListContacts

See who is on the list:

{grpcurl} -d '{{\"contact_list_id\": \"{list}\"}}' {address} {service}/ListContactListContacts

",
        request_id = Uuid::new_v4(),
    )
}

/// Prints the commands that create an organization and a key. On an address that is not loopback, others could reach the
/// example.
pub fn name_commands(database_url: &SecretString) {
    let database_url = database_url.expose_secret();
    // Other URLs may hold a password.
    let database = if database_url.starts_with("sqlite:") {
        format!(" --database-url {database_url}")
    } else {
        " --database-url …".to_owned()
    };
    println!(
        "\
The database is empty. Make an organization and a key with:

  contact-lists organization create NAME{database}
  contact-lists api-key create --organization ID --scope admin{database}
"
    );
}
