-- The demo's source database: about twenty tables shaped like those of a large SaaS on PostgreSQL.
--
-- What it has on purpose: composite keys with date and text parts, a table partitioned by range, text long enough to be
-- stored out of line, jsonb, bytea, arrays, inet, ranges, enums, intervals, and columns named like reserved words.
-- Every table has a primary key. The data come from fill.sql, the traffic from writes-*.sql.
\set ON_ERROR_STOP on
BEGIN;

CREATE TYPE mr_state AS ENUM ('opened', 'merged', 'closed', 'locked');
CREATE TYPE job_status AS ENUM ('created', 'pending', 'running', 'success', 'failed', 'canceled');

CREATE TABLE schema_migrations (version text PRIMARY KEY, finished_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE plans (
  id bigint PRIMARY KEY, name text NOT NULL UNIQUE, title text NOT NULL, price_per_seat numeric(8,2) NOT NULL,
  created_at timestamptz NOT NULL);

CREATE TABLE namespaces (
  id bigint PRIMARY KEY, parent_id bigint, type text NOT NULL, name text NOT NULL, path text NOT NULL, description text,
  traversal_ids bigint[] NOT NULL DEFAULT '{}', visibility_level smallint NOT NULL, runners_token text,
  created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);

CREATE TABLE namespace_settings (
  namespace_id bigint PRIMARY KEY, settings jsonb NOT NULL, unique_project_download_limit integer,
  allowed_email_domains text[], delayed_removal boolean NOT NULL DEFAULT false, updated_at timestamptz NOT NULL);

CREATE TABLE users (
  id bigint PRIMARY KEY, email text NOT NULL, username text NOT NULL, name text NOT NULL, user_type smallint NOT NULL,
  state text NOT NULL, admin boolean NOT NULL DEFAULT false, encrypted_otp_secret bytea, feed_token text,
  current_sign_in_ip inet, preferences jsonb, theme_id smallint, last_activity_on date,
  created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);

CREATE TABLE members (
  namespace_id bigint, user_id bigint, access_level smallint NOT NULL, expires_at date, created_at timestamptz NOT NULL,
  PRIMARY KEY (namespace_id, user_id));

CREATE TABLE projects (
  id bigint PRIMARY KEY, namespace_id bigint NOT NULL, name text NOT NULL, path text NOT NULL, description text,
  topics text[], star_count integer NOT NULL DEFAULT 0, archived boolean NOT NULL DEFAULT false,
  visibility_level smallint NOT NULL, repository_size bigint NOT NULL DEFAULT 0, ci_minutes_factor numeric(6,3),
  last_activity_at timestamp, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);

CREATE TABLE project_daily_statistics (
  project_id bigint, date date, fetch_count integer NOT NULL, build_seconds double precision, PRIMARY KEY (project_id, date));

CREATE TABLE iterations (
  id bigint PRIMARY KEY, namespace_id bigint NOT NULL, period daterange NOT NULL, sequence integer NOT NULL,
  "when" timestamptz, created_at timestamptz NOT NULL);
ALTER TABLE iterations REPLICA IDENTITY FULL;

CREATE TABLE issues (
  id bigint PRIMARY KEY, project_id bigint NOT NULL, iid integer NOT NULL, author_id bigint, title text NOT NULL,
  description text, state_id smallint NOT NULL, weight integer, relative_position integer, confidential boolean NOT NULL,
  due_date date, time_estimate interval, closed_at timestamptz, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);

CREATE TABLE issue_assignees (issue_id bigint, user_id bigint, PRIMARY KEY (issue_id, user_id));

CREATE TABLE labels (
  id bigint PRIMARY KEY, project_id bigint, title text NOT NULL, color text NOT NULL, "position" integer,
  created_at timestamptz NOT NULL);

CREATE TABLE label_links (
  id bigint PRIMARY KEY, label_id bigint NOT NULL, target_type text NOT NULL, target_id bigint NOT NULL,
  created_at timestamptz NOT NULL);

CREATE TABLE merge_requests (
  id bigint PRIMARY KEY, project_id bigint NOT NULL, iid integer NOT NULL, author_id bigint NOT NULL, title text NOT NULL,
  description text, source_branch text NOT NULL, target_branch text NOT NULL, state mr_state NOT NULL,
  merge_params jsonb, squash boolean NOT NULL DEFAULT false, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);

CREATE TABLE merge_request_metrics (
  id bigint PRIMARY KEY, merge_request_id bigint NOT NULL, merged_at timestamptz, merged_by_id bigint,
  first_comment_at timestamptz, commits_count integer, added_lines integer, removed_lines integer,
  updated_at timestamptz NOT NULL);

CREATE TABLE notes (
  id bigint PRIMARY KEY, noteable_type text NOT NULL, noteable_id bigint NOT NULL, project_id bigint, author_id bigint,
  note text, "position" text, system boolean NOT NULL, line_code text, created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL);
-- Out of line and not compressed: updates of the other columns then come without this value.
ALTER TABLE notes ALTER COLUMN note SET STORAGE EXTERNAL;

CREATE TABLE ci_pipelines (
  id bigint PRIMARY KEY, project_id bigint NOT NULL, ref text NOT NULL, sha bytea NOT NULL, status job_status NOT NULL,
  source smallint NOT NULL, duration integer, "timestamp" timestamptz NOT NULL, "primary" boolean NOT NULL);

CREATE TABLE ci_builds (
  id bigint, partition_id smallint, pipeline_id bigint NOT NULL, project_id bigint NOT NULL, name text NOT NULL,
  stage text NOT NULL, status job_status NOT NULL, "when" text NOT NULL, token text, options jsonb,
  tags text[], cost numeric(12,4), queued_at timestamptz, started_at timestamptz, finished_at timestamptz,
  PRIMARY KEY (id, partition_id)) PARTITION BY RANGE (partition_id);
CREATE TABLE ci_builds_100 PARTITION OF ci_builds FOR VALUES FROM (100) TO (101);
CREATE TABLE ci_builds_101 PARTITION OF ci_builds FOR VALUES FROM (101) TO (102);
CREATE TABLE ci_builds_102 PARTITION OF ci_builds FOR VALUES FROM (102) TO (103);
CREATE TABLE ci_builds_rest PARTITION OF ci_builds DEFAULT;

CREATE TABLE ci_queue (
  build_id bigint PRIMARY KEY, partition_id smallint NOT NULL, "interval" interval, tag_ids integer[],
  created_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE subscriptions (
  id bigint PRIMARY KEY, namespace_id bigint NOT NULL, plan_id bigint NOT NULL, seats integer NOT NULL,
  seats_in_use integer NOT NULL, mrr numeric(12,2) NOT NULL, start_date date NOT NULL, end_date date,
  auto_renew boolean NOT NULL DEFAULT true, billing_contact text, updated_at timestamptz NOT NULL);

CREATE TABLE feature_gates (
  feature_key text, gate_key text, value text, updated_at timestamptz NOT NULL, PRIMARY KEY (feature_key, gate_key));

CREATE TABLE audit_events (
  id bigint PRIMARY KEY, author_id bigint NOT NULL, entity_type text NOT NULL, entity_id bigint NOT NULL, details jsonb,
  ip_address inet, created_at timestamptz NOT NULL);

CREATE TABLE web_hook_logs (
  id uuid PRIMARY KEY, project_id bigint NOT NULL, url text NOT NULL, request_headers jsonb, response_status text,
  execution_duration double precision, created_at timestamptz NOT NULL);

-- The traffic takes its new keys from here.
CREATE SEQUENCE demo_ids START 10000000;

CREATE PUBLICATION pgcdc FOR ALL TABLES WITH (publish_via_partition_root = true);
COMMIT;
