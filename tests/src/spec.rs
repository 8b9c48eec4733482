//! SPEC.md, taken apart.

/// The specification.
#[derive(Clone, Debug)]
pub struct Spec<'a> {
    text: &'a str,
    /// Its clauses, in order.
    pub clauses: Vec<Clause<'a>>,
}

/// One clause: `- **TTH-3** [O] text`.
#[derive(Clone, Copy, Debug)]
pub struct Clause<'a> {
    /// Area and number.
    pub id: &'a str,
    /// The area.
    pub area: &'a str,
    /// The number.
    pub number: u32,
    /// What stands in square brackets.
    pub origin: &'a str,
    /// What it says.
    pub text: &'a str,
}

impl<'a> Spec<'a> {
    /// Takes the specification apart.
    ///
    /// # Panics
    /// If a list item looks like a clause and is none.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        let clauses = text
            .lines()
            .filter_map(|line| line.strip_prefix("- **"))
            .filter(|item| item.contains("** ["))
            .map(|item| Clause::parse(item).unwrap_or_else(|| panic!("not a clause: {item}")))
            .collect();
        Self { text, clauses }
    }

    /// The rows of the table under the heading `Table: name`, without its head; cells are trimmed.
    ///
    /// # Panics
    /// If there is no such table.
    #[must_use]
    pub fn table(&self, name: &str) -> Vec<Vec<&'a str>> {
        let heading = format!("### Table: {name}");
        let mut lines = self.text.lines().skip_while(|line| *line != heading).skip(1);
        let head = lines
            .by_ref()
            .find(|line| line.starts_with('|') || line.starts_with('#'));
        let columns = head.filter(|line| line.starts_with('|')).map(cells);
        let columns = columns.unwrap_or_else(|| panic!("no table {name}")).len();
        lines
            .skip(1)
            .take_while(|line| line.starts_with('|'))
            .map(cells)
            .inspect(|row| assert_eq!(row.len(), columns, "{name}: {row:?}"))
            .collect()
    }

    /// The blocks of code in `language`.
    #[must_use]
    pub fn blocks(&self, language: &str) -> Vec<String> {
        let fence = format!("```{language}");
        let mut lines = self.text.lines();
        let mut blocks = Vec::new();
        while lines.any(|line| line == fence) {
            blocks.push(
                lines
                    .by_ref()
                    .take_while(|line| *line != "```")
                    .collect::<Vec<_>>()
                    .join("\n"),
            );
        }
        blocks
    }
}

impl<'a> Clause<'a> {
    fn parse(item: &'a str) -> Option<Self> {
        let (id, rest) = item.split_once("** [")?;
        let (origin, text) = rest.split_once("] ")?;
        let (area, number) = id.split_once('-')?;
        let written = id_at_start(id)? == id;
        written.then_some(Self {
            id,
            area,
            number: number.parse().ok()?,
            origin,
            text,
        })
    }
}

/// The clause ids that stand behind `prefix` in `text`.
pub fn citations<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let starts = text.char_indices().filter(move |(at, _)| {
        let in_word = text[..*at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '-');
        !in_word && text[*at..].starts_with(prefix)
    });
    starts.filter_map(move |(at, _)| id_at_start(&text[at + prefix.len()..]))
}

/// Two to four capitals, a hyphen and a number without leading zeros.
fn id_at_start(text: &str) -> Option<&str> {
    let area = text.find(|character: char| !character.is_ascii_uppercase())?;
    let number = text[area..].strip_prefix('-')?;
    let digits = number
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(number.len());
    let good = matches!(area, 2..=4) && digits > 0 && !number.starts_with('0');
    // A word that goes on is no id: `CRC-32C` is none.
    let ends = !number[digits..].starts_with(|next: char| next.is_ascii_alphanumeric());
    (good && ends).then(|| &text[..=area + digits])
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split(" | ").map(str::trim).collect()
}
