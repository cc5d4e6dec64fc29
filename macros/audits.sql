{#-
    audit_results, in the schema of each pipeline's marts: what became of every model, seed
    and data test of that pipeline for its current load. One pipeline's failures are nothing
    to the other, and a build of one alone leaves the other's table as it is.

    begin_audits sets whatever this invocation touches back to 'not run' before the first
    node starts, so an interrupted or killed build leaves no old pass behind; record_audits
    enters the outcomes when the last node has ended, failed builds included.
-#}
{% macro begin_audits() -%}
    {%- if runs_nodes() -%}
        {%- set touched = nodes_touched_by(selected_resources) -%}
        {%- for pipeline in pipelines_of(selected_resources) -%}
            {%- do ensure_marts_schema(pipeline) -%}
            {{ begin_audits_of(pipeline, touched) }}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{% macro record_audits(results) -%}
    {%- if runs_nodes() -%}
        {%- for pipeline in pipelines_of(selected_resources) -%}
            {{ record_audits_of(pipeline, results) }}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{% macro begin_audits_of(pipeline, touched) %}
    create table if not exists {{ audit_results_table(pipeline) }} (
        node_id text primary key,
        resource_type text not null,
        name text not null,
        status text not null,
        severity text,
        failures bigint,
        message text,
        run_id text not null,
        recorded_at timestamptz not null
    );
    {{ align_audits_with_load(pipeline) }}
    update {{ audit_results_table(pipeline) }}
    set
        status = 'not run',
        failures = null,
        message = null,
        recorded_at = now()
    where node_id = any({{ text_array(touched) }});
{% endmacro %}


{% macro record_audits_of(pipeline, results) -%}
    {%- set outcomes = [] -%}
    {%- set nodes = audited_nodes(pipeline) -%}
    {#- --empty builds hold no rows: what passes on them says nothing of the load. -#}
    {%- if not (flags.EMPTY or flags.SAMPLE) -%}
        {%- for result in results if result.node.unique_id in nodes -%}
            {%- do outcomes.append(result) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if outcomes and landed_run(pipeline) %}
    update {{ audit_results_table(pipeline) }} as audit
    set
        status = outcome.status,
        failures = outcome.failures,
        message = outcome.message,
        recorded_at = now()
    from (
        values
        {% for result in outcomes -%}
        (
            {{ text_literal(result.node.unique_id) }},
            {{ text_literal(result.status) }},
            {{ result.failures if result.failures is not none else 'null' }}::bigint,
            {{ text_literal(outcome_message(result)) }}
        ){{ ',' if not loop.last }}
        {% endfor %}
    ) as outcome (node_id, status, failures, message)
    where
        audit.node_id = outcome.node_id
        -- A load that landed while the models ran is not the one that they read.
        and audit.run_id = {{ landed_run(pipeline) }};
    {%- endif %}
    {{ align_audits_with_load(pipeline) }}
{%- endmacro %}


{#- Drops rows of other loads and of nodes that are gone; enters nodes not run yet. -#}
{% macro align_audits_with_load(pipeline) -%}
    {%- set nodes = audited_nodes(pipeline) -%}
    {%- if not landed_run(pipeline) or not nodes %}
        delete from {{ audit_results_table(pipeline) }};
    {%- else %}
        delete from {{ audit_results_table(pipeline) }}
        where
            run_id is distinct from {{ landed_run(pipeline) }}
            or node_id <> all({{ text_array(nodes) }});

        insert into {{ audit_results_table(pipeline) }} (
            node_id, resource_type, name, status, severity, run_id, recorded_at
        )
        select
            node.node_id,
            node.resource_type,
            node.name,
            'not run',
            node.severity,
            load.run_id,
            now()
        from (
            values
            {% for node_id, node in nodes.items() -%}
            (
                {{ text_literal(node_id) }},
                {{ text_literal(node.resource_type) }},
                {{ text_literal(node.name) }},
                {{ text_literal(node.config.severity | lower if node.resource_type == 'test') }}
            ){{ ',' if not loop.last }}
            {% endfor %}
        ) as node (node_id, resource_type, name, severity)
        cross join (select {{ landed_run(pipeline) }} as run_id) as load
        where load.run_id is not null
        on conflict (node_id) do update set
            resource_type = excluded.resource_type,
            name = excluded.name,
            severity = excluded.severity;
    {%- endif -%}
{%- endmacro %}


{#- The selected nodes, and the tests that read one of them, directly or through views. -#}
{% macro nodes_touched_by(selected) -%}
    {%- set touched = {} -%}
    {%- for node_id in selected -%} {%- do touched.update({node_id: true}) -%} {%- endfor -%}
    {%- set rebuilt = [] -%}
    {%- for node_id, node in audited_nodes().items() if node_id in touched -%}
        {%- if node.resource_type != 'test' -%} {%- do rebuilt.append(node_id) -%} {%- endif -%}
    {%- endfor -%}
    {%- set read = with_views_on(rebuilt) -%}
    {%- for node_id, node in audited_nodes().items()
        if node.resource_type == 'test' and reads_one_of(node, read) -%}
        {%- do touched.update({node_id: true}) -%}
    {%- endfor -%}
    {{ return(touched | list) }}
{%- endmacro %}


{#- These nodes, and the views that read one of them, directly or through views. -#}
{% macro with_views_on(node_ids) -%}
    {%- set found = namespace(ids=node_ids | list, grew=true) -%}
    {%- for _ in graph.nodes if found.grew -%}
        {%- set found.grew = false -%}
        {%- for node_id, node in audited_nodes().items()
            if node.config.materialized == 'view'
            and node_id not in found.ids
            and reads_one_of(node, found.ids) -%}
            {%- do found.ids.append(node_id) -%}
            {%- set found.grew = true -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found.ids) }}
{%- endmacro %}


{% macro reads_one_of(node, node_ids) -%}
    {%- for parent in node.depends_on.nodes if parent in node_ids -%}
        {{ return(true) }}
    {%- endfor -%}
    {{ return(false) }}
{%- endmacro %}


{% macro audited_nodes(pipeline=none) -%}
    {%- set nodes = {} -%}
    {%- for node_id, node in graph.nodes.items()
        if node.package_name == project_name
        and node.resource_type in ('model', 'seed', 'test')
        and pipeline in (none, pipeline_of(node)) -%}
        {%- do nodes.update({node_id: node}) -%}
    {%- endfor -%}
    {{ return(nodes) }}
{%- endmacro %}


{#- By its folder; a generic test has the folder of the file that declares it. -#}
{% macro pipeline_of(node) -%}
    {{ return(
        'consolidation'
        if 'consolidation' in node.fqn[:-1] or 'legacy_chat' in node.fqn[:-1]
        else 'migration'
    ) }}
{%- endmacro %}


{% macro pipelines_of(node_ids) -%}
    {%- set pipelines = [] -%}
    {%- for node_id, node in audited_nodes().items()
        if node_id in node_ids and pipeline_of(node) not in pipelines -%}
        {%- do pipelines.append(pipeline_of(node)) -%}
    {%- endfor -%}
    {{ return(pipelines | sort) }}
{%- endmacro %}


{#- compile, docs, freshness and the like run hooks too, but build and test nothing. -#}
{% macro runs_nodes() -%}
    {{ return(execute and flags.WHICH in ('build', 'run', 'seed', 'test', 'retry')) }}
{%- endmacro %}


{#- The run of the current load as SQL; none as long as nothing has been loaded. -#}
{% macro landed_run(pipeline) -%}
    {%- set loads = adapter.get_relation(
        database=target.database,
        schema=schema_prefix() ~ 'staging',
        identifier='legacy_loads' if pipeline == 'consolidation' else 'loads'
    ) -%}
    {{ return('(select max(run_id) from ' ~ loads ~ ')' if loads else none) }}
{%- endmacro %}


{#- As dbt_project.yml has them. -#}
{% macro marts_schema_of(pipeline) -%}
    {{ return(
        schema_prefix() ~ ('consolidated' if pipeline == 'consolidation' else 'marts')
    ) }}
{%- endmacro %}


{% macro ensure_marts_schema(pipeline) -%}
    {%- set marts = marts_schema_of(pipeline) -%}
    {%- if not adapter.check_schema_exists(target.database, marts) -%}
        {%- do adapter.create_schema(
            api.Relation.create(database=target.database, schema=marts)
        ) -%}
    {%- endif -%}
{%- endmacro %}


{% macro audit_results_table(pipeline) -%}
    {{ return(api.Relation.create(
        database=target.database,
        schema=marts_schema_of(pipeline),
        identifier='audit_results'
    )) }}
{%- endmacro %}


{#- The server's DETAIL quotes the failing row, and with it somebody's message. -#}
{% macro outcome_message(result) -%}
    {{ return((result.message or '').split('DETAIL:')[0].strip()[:2000] or none) }}
{%- endmacro %}


{% macro text_literal(value) -%}
    {%- if value is none or value is undefined -%} null::text
    {%- else -%} '{{ value | string | replace("'", "''") }}'
    {%- endif -%}
{%- endmacro %}


{% macro text_array(values) -%}
    array[
        {%- for value in values -%}
            {{ text_literal(value) }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    ]::text []
{%- endmacro %}
