//! Temporal's SQL statements: a text that does not depend on how many rows one carries, and the name the operation table has for it.

use std::fmt;

use plimsoll_profiles::calibration::Statement;

/// A statement as `pg_stat_statements` has it, made comparable: white space is one blank, parameters have no numbers, and an
/// INSERT of several rows (or a list of several values) reads as one of one row.
///
/// `pg_stat_statements` keeps an INSERT of two rows apart from one of three; to Temporal they are one statement.
pub fn normalised(text: &str) -> String {
    let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let text = without_numbers(&text);
    let text = one_row(&text);
    one_value(&text).trim_end_matches([';', ' ']).to_owned()
}

fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parameter = false;
    for letter in text.chars() {
        if parameter && letter.is_ascii_digit() {
            continue;
        }
        parameter = letter == '$';
        out.push(letter);
    }
    out
}

/// `VALUES (a),(a),(a)` becomes `VALUES (a)`.
fn one_row(text: &str) -> String {
    let Some(values) = find_word(text, "VALUES") else { return text.to_owned() };
    let Some(open) = text[values..].find('(').map(|at| at + values) else { return text.to_owned() };
    let Some(close) = text[open..].find(')').map(|at| at + open + 1) else { return text.to_owned() };
    let row = &text[open..close];
    let mut rest = &text[close..];
    while let Some(next) =
        rest.trim_start().strip_prefix(',').map(str::trim_start).and_then(|rest| rest.strip_prefix(row))
    {
        rest = next;
    }
    format!("{}{rest}", &text[..close])
}

/// `IN ($, $, $)` becomes `IN ($)`.
fn one_value(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = find_word(rest, "IN") {
        let end = at + 2;
        let list = rest[end..].trim_start();
        let close = list.find(')').filter(|_| list.starts_with('('));
        let only_parameters = close.is_some_and(|close| list[1..close].chars().all(|c| matches!(c, '$' | ',' | ' ')));
        out.push_str(&rest[..end]);
        rest = &rest[end..];
        if let (true, Some(close)) = (only_parameters, close) {
            out.push_str(" ($)");
            rest = &list[close + 1..];
        }
    }
    out + rest
}

/// Where a word in capitals stands alone.
fn find_word(text: &str, word: &str) -> Option<usize> {
    let alone = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    text.match_indices(word).map(|(at, _)| at).find(|at| {
        let bytes = text.as_bytes();
        alone(at.checked_sub(1).and_then(|before| bytes.get(before))) && alone(bytes.get(at + word.len()))
    })
}

/// What a statement is in the operation table: the table's own name for it (`transfer_insert`), or one of those that every update
/// or append makes and the table does not list (`executions_update`, `node_insert`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(String);

impl Kind {
    /// By name.
    pub fn named(name: &str) -> Kind {
        Kind(name.to_owned())
    }

    /// Of a statement of the operation table.
    pub fn of(statement: Statement) -> Kind {
        let mut name = String::new();
        for letter in format!("{statement:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.extend(letter.to_lowercase());
        }
        Kind(name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether how often it comes depends on load: the queues of tasks are read for several at once.
    pub fn batches(&self) -> bool {
        ["timer_read", "transfer_read", "visibility_read"].contains(&self.name())
    }

    /// Whether how often it comes depends on the time and on chance alone: finished tasks are deleted every so often, and tasks are spooled
    /// when no poller waits at that moment.
    pub fn is_of_the_time(&self) -> bool {
        const SUCH: [&str; 6] =
            ["range_delete", "outbound_read", "task_queue_lock", "tasks_insert", "tasks_read", "tasks_delete"];
        SUCH.contains(&self.name())
    }

    /// The kind of a normalised statement; `None` for what belongs to no workflow: membership, namespaces, shard ownership,
    /// the rows of task queues.
    pub fn of_text(visibility: bool, text: &str) -> Option<Kind> {
        let upper = text.to_ascii_uppercase();
        let named = |name: &str| Some(Kind::named(name));
        if visibility {
            return (upper.contains("EXECUTIONS_VISIBILITY") && !upper.starts_with("SELECT")).then(|| {
                Kind::named(if upper.starts_with("DELETE") { "visibility_delete" } else { "visibility_upsert" })
            });
        }
        let verb = upper.split([' ', '(']).next().unwrap_or_default();
        match verb {
            "BEGIN" => return named("begin"),
            "COMMIT" => return named("commit"),
            _ => {}
        }
        let table = table_of(&upper)?;
        let locks = upper.ends_with("FOR UPDATE") || upper.ends_with("FOR SHARE");
        let kind = match (verb, table.as_str()) {
            ("SELECT", "SHARDS") if upper.ends_with("FOR SHARE") => "shards_share",
            ("SELECT", "CURRENT_EXECUTIONS") if upper.contains(" JOIN ") => "current_join",
            ("SELECT", "CURRENT_EXECUTIONS") if locks => "current_lock",
            ("SELECT", "CURRENT_EXECUTIONS") => "current_read",
            ("INSERT", "CURRENT_EXECUTIONS") => "current_insert",
            ("UPDATE", "CURRENT_EXECUTIONS") => "current_update",
            ("DELETE", "CURRENT_EXECUTIONS") => "current_delete",
            ("SELECT", "EXECUTIONS") if locks => "executions_lock",
            ("SELECT", "EXECUTIONS") => "executions_read",
            ("INSERT", "EXECUTIONS") => "executions_insert",
            ("UPDATE", "EXECUTIONS") => "executions_update",
            ("DELETE", "EXECUTIONS") => "executions_delete",
            ("INSERT", "HISTORY_NODE") => "node_insert",
            ("SELECT", "HISTORY_NODE") => "history_read",
            ("DELETE", "HISTORY_NODE") => "node_delete",
            ("INSERT", "HISTORY_TREE") => "tree_insert",
            ("SELECT", "HISTORY_TREE") => "tree_read",
            ("DELETE", "HISTORY_TREE") => "tree_delete",
            ("INSERT", "TRANSFER_TASKS") => "transfer_insert",
            ("SELECT", "TRANSFER_TASKS") => "transfer_read",
            ("INSERT", "TIMER_TASKS") => "timer_insert",
            ("SELECT", "TIMER_TASKS") => "timer_read",
            ("INSERT", "VISIBILITY_TASKS") => "visibility_insert",
            ("SELECT", "VISIBILITY_TASKS") => "visibility_read",
            ("SELECT", "HISTORY_IMMEDIATE_TASKS") => "outbound_read",
            (
                "DELETE",
                "TRANSFER_TASKS" | "TIMER_TASKS" | "VISIBILITY_TASKS" | "REPLICATION_TASKS" | "HISTORY_IMMEDIATE_TASKS",
            ) => "range_delete",
            ("SELECT", "TASK_QUEUES" | "TASK_QUEUES_V2") if locks => "task_queue_lock",
            ("INSERT", "TASKS" | "TASKS_V2") => "tasks_insert",
            ("SELECT", "TASKS" | "TASKS_V2") => "tasks_read",
            ("DELETE", "TASKS" | "TASKS_V2") => "tasks_delete",
            (verb, table) => return side_table(verb, table),
        };
        named(kind)
    }
}

/// The tables beside `executions` that hold what a run has pending.
fn side_table(verb: &str, table: &str) -> Option<Kind> {
    let name = match table {
        "ACTIVITY_INFO_MAPS" => "activity",
        "TIMER_INFO_MAPS" => "timer_info",
        "CHILD_EXECUTION_INFO_MAPS" => "child",
        "REQUEST_CANCEL_INFO_MAPS" => "cancel",
        "SIGNAL_INFO_MAPS" => "signal_info",
        "SIGNALS_REQUESTED_SETS" => "signals_requested",
        "BUFFERED_EVENTS" => "buffered",
        "CHASM_NODE_MAPS" => "chasm",
        // A table that is not known is not passed over: a server that writes to a new one is to be noticed. What belongs to no workflow is.
        "SHARDS"
        | "TASK_QUEUES"
        | "TASK_QUEUES_V2"
        | "TASK_QUEUE_USER_DATA"
        | "HISTORY_SCHEDULED_TASKS"
        | "CLUSTER_MEMBERSHIP"
        | "CLUSTER_METADATA_INFO"
        | "CLUSTER_METADATA"
        | "NAMESPACES"
        | "NAMESPACE_METADATA"
        | "QUEUE_METADATA"
        | "QUEUE"
        | "QUEUES"
        | "QUEUE_MESSAGES"
        | "NEXUS_ENDPOINTS"
        | "NEXUS_ENDPOINTS_PARTITION_STATUS"
        | "BUILD_ID_TO_TASK_QUEUE"
        | "SCHEMA_VERSION"
        | "SCHEMA_UPDATE_HISTORY" => {
            return None;
        }
        other => return Some(Kind::named(&format!("{}_{}", other.to_ascii_lowercase(), verb.to_ascii_lowercase()))),
    };
    let verb = match (verb, name) {
        ("INSERT", "signals_requested" | "buffered") => "insert",
        ("INSERT" | "UPDATE", _) => "upsert",
        ("DELETE", _) => "delete",
        ("SELECT", _) => "read",
        _ => return None,
    };
    Some(Kind::named(&format!("{name}_{verb}")))
}

fn table_of(upper: &str) -> Option<String> {
    let mut words = upper.split([' ', '(', ',']).filter(|word| !word.is_empty());
    let after = match words.next()? {
        "SELECT" | "DELETE" => words.skip_while(|word| *word != "FROM").nth(1),
        "INSERT" => words.skip_while(|word| *word != "INTO").nth(1),
        "UPDATE" => words.next(),
        _ => None,
    };
    after.map(|table| table.trim_matches('"').to_owned())
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A statement in a few words for people: its verb, its table, and whether it locks.
pub fn in_brief(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    let verb = upper.split([' ', '(']).next().unwrap_or_default().to_owned();
    let table = table_of(&upper).map(|table| table.to_ascii_lowercase()).unwrap_or_default();
    let lock = ["FOR UPDATE", "FOR SHARE"].into_iter().find(|lock| upper.ends_with(lock));
    let joined = upper.contains(" JOIN ").then_some("joined");
    [Some(verb.as_str()), Some(table.as_str()), joined, lock]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Option<String> {
        Kind::of_text(false, &normalised(text)).map(|kind| kind.name().to_owned())
    }

    #[test]
    fn an_insert_of_several_rows_reads_as_one_of_one_row() {
        let one = normalised("INSERT INTO timer_tasks (shard_id, data)\n VALUES ($1, $2)");
        for several in [
            "INSERT INTO timer_tasks (shard_id, data) VALUES ($1, $2),($3, $4)",
            "INSERT INTO timer_tasks (shard_id, data)  VALUES ($1, $2), ($3, $4),($5, $6);",
        ] {
            assert_eq!(normalised(several), one);
        }
        assert_eq!(
            normalised("INSERT INTO a(b, c) VALUES($1, $2),($3, $4) ON CONFLICT (b) DO UPDATE SET c = $5"),
            normalised("INSERT INTO a(b, c) VALUES($1, $2) ON CONFLICT (b) DO UPDATE SET c = $3"),
        );
        assert_eq!(
            normalised("DELETE FROM a WHERE b IN ($1,$2, $3) AND c = $4"),
            "DELETE FROM a WHERE b IN ($) AND c = $"
        );
        assert_ne!(one, normalised("INSERT INTO timer_tasks (shard_id, data, more) VALUES ($1, $2, $3)"));
    }

    #[test]
    fn the_servers_statements_have_the_operation_tables_names() {
        let same =
            |text: &str, statement: Statement| assert_eq!(kind(text).as_deref(), Some(Kind::of(statement).name()));
        same("SELECT range_id FROM shards WHERE shard_id = $1 FOR SHARE", Statement::ShardsShare);
        same(
            "SELECT ce.shard_id FROM current_executions ce INNER JOIN executions e ON e.shard_id = ce.shard_id WHERE a = $1 FOR UPDATE",
            Statement::CurrentJoin,
        );
        same("SELECT shard_id, run_id FROM current_executions WHERE shard_id = $1", Statement::CurrentRead);
        same(
            "INSERT INTO activity_info_maps (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = $2",
            Statement::ActivityUpsert,
        );
        same("DELETE FROM timer_info_maps WHERE shard_id = $1 AND timer_id IN ($2)", Statement::TimerInfoDelete);
        same("SELECT task_id, data FROM history_immediate_tasks WHERE shard_id = $1", Statement::OutboundRead);
        same("DELETE FROM transfer_tasks WHERE shard_id = $1 AND task_id >= $2", Statement::RangeDelete);
        same("SELECT signal_id FROM signals_requested_sets WHERE shard_id = $1", Statement::SignalsRequestedRead);
        same("SELECT chasm_path, metadata FROM chasm_node_maps WHERE shard_id = $1", Statement::ChasmRead);
        assert_eq!(
            kind("SELECT shard_id FROM current_executions WHERE shard_id = $1 FOR UPDATE").as_deref(),
            Some("current_lock")
        );
        assert_eq!(kind("UPDATE executions SET a = $1").as_deref(), Some("executions_update"));
        assert_eq!(kind("BEGIN READ WRITE").as_deref(), Some("begin"));
        assert_eq!(kind("SELECT id, name FROM namespaces WHERE partition_id=$1"), None);
    }

    #[test]
    fn a_table_that_is_not_known_is_noticed() {
        assert_eq!(kind("INSERT INTO brand_new_maps (a) VALUES ($1)").as_deref(), Some("brand_new_maps_insert"));
    }
}
