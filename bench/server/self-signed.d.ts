export declare function selfSigned(): { readonly cert: string; readonly key: string };
