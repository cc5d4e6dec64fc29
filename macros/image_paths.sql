{#- One word that ends like an image's name, with or without a query. -#}
{% macro names_image(text_column) -%}
    {{ text_column }}
    ~* '^\S+\.(jpe?g|png|gif|webp|heic|heif|bmp|tiff?|avif|svg)(\?\S*)?$'
{%- endmacro %}
