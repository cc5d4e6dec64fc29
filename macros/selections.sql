{#-
    What a selection of nodes needs that is not there, and what it leaves behind it.

    require_dump_landing stops a build of both pipelines where no dump is landed: half of it
    would fail, or be skipped for what has failed. A build of the migration alone fails by
    itself, and is told why. note_views_at_risk and
    warn_of_dropped_views name the views that a build took along: PostgreSQL drops a view with the one that it reads, and
    dbt replaces a view by dropping it.
-#}
{% macro require_dump_landing() -%}
    {%- set readers = [] -%}
    {%- if runs_nodes() and not landed_run('migration') -%}
        {%- for node_id, node in audited_nodes('migration').items()
            if node_id in selected_resources and 'mysql_dump' in node.fqn[:-1]
            and node.resource_type == 'model' -%}
            {%- do readers.append(node.name) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if readers -%}
        {%- set said = 'no dump is landed in ' ~ target.dbname ~ ', which ' ~ readers | first
            ~ ' reads. Land one: ./inv load --dump FILE' -%}
        {%- if pipelines_of(selected_resources) | length > 1 -%}
            {{ exceptions.raise_compiler_error(
                said ~ ', or build the other system alone: dbt build --selector'
                ~ ' consolidation. Nothing was built.'
            ) }}
        {%- endif -%}
        {%- do exceptions.warn(said) -%}
    {%- endif -%}
{%- endmacro %}


{#- The views that this run may take along, while they are there; kept in the graph. -#}
{% macro note_views_at_risk() -%}
    {%- if runs_nodes() -%}
        {%- set at_risk = [] -%}
        {%- for node_id in with_views_on(selected_resources)
            if node_id not in selected_resources and relation_of(graph.nodes[node_id]) -%}
            {%- do at_risk.append(node_id) -%}
        {%- endfor -%}
        {%- do graph.update({'views_at_risk': at_risk}) -%}
    {%- endif -%}
{%- endmacro %}


{% macro warn_of_dropped_views() -%}
    {%- for pipeline, command in {
        'migration': './inv build', 'consolidation': './inv consolidate.build'
    }.items() -%}
        {%- set dropped = [] -%}
        {%- for node_id in graph.get('views_at_risk', [])
            if pipeline_of(graph.nodes[node_id]) == pipeline
            and not relation_of(graph.nodes[node_id]) -%}
            {%- do dropped.append(graph.nodes[node_id].name) -%}
        {%- endfor -%}
        {%- if dropped -%}
            {%- do exceptions.warn(
                'views were dropped with those that they read, which this build replaced: '
                ~ dropped | sort | join(', ') ~ '. Build them again: ' ~ command
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{% macro relation_of(node) -%}
    {{ return(load_relation(api.Relation.create(
        database=node.database, schema=node.schema, identifier=node.alias
    ))) }}
{%- endmacro %}
