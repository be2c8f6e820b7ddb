-- One-activity workflows as Temporal 1.31.2 writes them (facts: blob sizes of the server's own encoding, P = 10 B), statement by statement.
CREATE OR REPLACE FUNCTION b(n int) RETURNS bytea LANGUAGE sql AS $$ SELECT decode(string_agg(md5(random()::text),''),'hex') FROM generate_series(1,(n+15)/16) $$;
CREATE SEQUENCE IF NOT EXISTS tid;
CREATE SEQUENCE IF NOT EXISTS wid;
CREATE OR REPLACE PROCEDURE runs(n int, shards int, batch int) LANGUAGE plpgsql AS $$
DECLARE i int; k int; s int[]; ns bytea := decode('00112233445566778899aabbccddeeff','hex'); ids text[]; rid bytea[]; tree bytea[]; rids text[]; j int; t timestamp;
  sizes int[] := ARRAY[406,144,267,144,329,204];
BEGIN
 FOR i IN 1..(n/batch) LOOP
  s := '{}'; ids := '{}'; rid := '{}'; tree := '{}'; rids := '{}';
  FOR j IN 1..batch LOOP
   s := s || (1 + floor(random()*shards))::int; ids := ids || ('bench-wf-' || gen_random_uuid()::text)::text;
   rid := rid || decode(replace(gen_random_uuid()::text,'-',''),'hex'); tree := tree || decode(replace(gen_random_uuid()::text,'-',''),'hex'); rids := rids || gen_random_uuid()::text;
  END LOOP;
  -- batch workflows go through their transitions side by side
  FOR k IN 1..7 LOOP FOR j IN 1..batch LOOP
   IF k <> 5 THEN
    INSERT INTO history_node VALUES (s[j],tree[j],rid[j],CASE WHEN k<5 THEN k*2-1 ELSE k*2-3 END,-nextval('tid'),0,b(sizes[CASE WHEN k<5 THEN k ELSE k-1 END]),'Proto3');
    IF k = 1 THEN INSERT INTO history_tree VALUES (s[j],tree[j],rid[j],b(210),'Proto3'); END IF;
    COMMIT;
   END IF;
   IF k = 1 THEN
    INSERT INTO current_executions VALUES (s[j],ns,ids[j],rid[j],gen_random_uuid()::text,1,1,0,now(),0,b(142),'Proto3');
    INSERT INTO executions VALUES (s[j],ns,ids[j],rid[j],3,0,b(553),'Proto3',b(142),'Proto3',1);
   ELSE
    UPDATE current_executions SET data=b(142), state=2, last_write_version=0 WHERE shard_id=s[j] AND namespace_id=ns AND workflow_id=ids[j];
    UPDATE executions SET data=b(673), state=b(142), next_event_id=k*2, db_record_version=k WHERE shard_id=s[j] AND namespace_id=ns AND workflow_id=ids[j] AND run_id=rid[j];
   END IF;
   IF k IN (1,3,6,7) THEN INSERT INTO transfer_tasks VALUES (s[j],nextval('tid'),b(208),'Proto3'); END IF;
   IF k IN (2,4,5,6,7) THEN INSERT INTO timer_tasks VALUES (s[j],clock_timestamp() + CASE WHEN k=7 THEN interval '1 day' ELSE interval '10 s' END,nextval('tid'),b(150),'Proto3'); END IF;
   IF k IN (1,3,7) THEN INSERT INTO visibility_tasks VALUES (s[j],nextval('tid'),b(137),'Proto3'); END IF;
   IF k = 3 THEN INSERT INTO activity_info_maps VALUES (s[j],ns,ids[j],rid[j],5,b(103),'Proto3'); END IF;
   IF k = 5 THEN UPDATE activity_info_maps SET data=b(195) WHERE shard_id=s[j] AND namespace_id=ns AND workflow_id=ids[j] AND run_id=rid[j]; END IF;
   IF k = 6 THEN DELETE FROM activity_info_maps WHERE shard_id=s[j] AND namespace_id=ns AND workflow_id=ids[j] AND run_id=rid[j]; END IF;
   COMMIT;
   IF k = 1 THEN
    INSERT INTO executions_visibility(namespace_id,run_id,_version,start_time,execution_time,workflow_id,workflow_type_name,status,encoding,task_queue,root_workflow_id,root_run_id,memo,search_attributes)
     VALUES ('00112233-4455-6677-8899-aabbccddeeff',rids[j],1,clock_timestamp(),clock_timestamp(),ids[j],'BenchWorkflow',1,'Proto3','bench',ids[j],rids[j],NULL,NULL); COMMIT;
   ELSIF k = 3 THEN
    UPDATE executions_visibility SET _version=2, search_attributes='{"BuildIds":["unversioned","unversioned:0123456789abcdef"]}' WHERE namespace_id='00112233-4455-6677-8899-aabbccddeeff' AND run_id=rids[j]; COMMIT;
   ELSIF k = 7 THEN
    UPDATE executions_visibility SET _version=3, status=2, close_time=clock_timestamp(), history_length=11, history_size_bytes=1493, execution_duration=5, state_transition_count=7 WHERE namespace_id='00112233-4455-6677-8899-aabbccddeeff' AND run_id=rids[j]; COMMIT;
   END IF;
  END LOOP; END LOOP;
 END LOOP;
 DELETE FROM transfer_tasks; DELETE FROM visibility_tasks; DELETE FROM timer_tasks WHERE visibility_timestamp < clock_timestamp() + interval '1 hour'; COMMIT;
END $$;
