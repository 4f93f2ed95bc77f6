select sysdate as transaction_time;
