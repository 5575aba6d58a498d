-- Which uploaded picture is shown of a person, a context or a conversation; NULL:
-- one is drawn. Its bytes lie beside the store, under the id. Who is removed keeps
-- it until the picture is gone.
ALTER TABLE people ADD COLUMN avatar UUID;
ALTER TABLE spaces ADD COLUMN avatar UUID;
